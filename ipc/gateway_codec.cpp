#include <charter.capnp.h>
#include <gateway.capnp.h>

#include "ipc/codec.h"
#include "ipc/gateway_message.h"
#include "ipc/json_scan.h"
#include "ipc/message.h"
#include "ipc/utf8.h"

namespace charter::ipc::wire {
namespace {

namespace schema = charter::schema::wire;
using message::data;
using message::str;
using message::text;

constexpr std::string_view kFormat = "charter.capnp.v1 message";

// ---- writing ----

void set_place(const OutputPlace& place, schema::OutputPlace::Builder out) {
  out.setPosition(place.position);
  out.setSegment(place.segment);
  out.setOffset(place.offset);
}

struct GatewayWriter {
  schema::ToGateway::Builder root;

  void operator()(const Register& v) {
    auto out = root.initRegister();
    out.setVersion(v.version);
    out.setWorkerId(text(v.worker_id));
    out.setMaxRuns(v.max_runs);
    auto runs = out.initActiveRuns(static_cast<unsigned>(v.active_runs.size()));
    for (unsigned i = 0; i < runs.size(); ++i) runs.set(i, text(v.active_runs[i]));
    out.setTellsOutput(v.tells_output);
  }
  void operator()(const Announced& v) {
    auto out = root.initAnnounced();
    out.setRunId(text(v.run_id));
    out.setStatus(text(v.status));
    out.setWorkflowPath(text(v.workflow_path));
    out.setStartedAt(text(v.started_at));
  }
  void operator()(const Events& v) {
    auto frames = root.initEvents().initFrames(static_cast<unsigned>(v.frames.size()));
    for (unsigned i = 0; i < frames.size(); ++i) frames.set(i, data(v.frames[i]));
  }
  void operator()(const Heartbeat& v) {
    auto out = root.initHeartbeat();
    out.setRunning(v.running);
    out.setPaused(v.paused);
  }
  void operator()(const CommandResult& v) {
    auto out = root.initResult();
    out.setCommandId(text(v.command_id));
    out.setRunId(text(v.run_id));
    out.setOk(v.ok);
    out.setCode(text(v.code));
    out.setMessage(text(v.message));
  }
  void operator()(const Described& v) {
    auto out = root.initDescribed();
    out.setId(v.id);
    out.setWorkflows(data(v.workflows));
    out.setError(text(v.error));
  }
  void operator()(const Output& v) {
    auto out = root.initOutput();
    out.setId(v.id);
    auto pieces = out.initPieces(static_cast<unsigned>(v.pieces.size()));
    for (unsigned i = 0; i < pieces.size(); ++i) {
      const std::string piece = ipc::encode(v.pieces[i]);
      pieces.set(i, data(piece));
    }
    set_place(v.next, out.initNext());
    out.setMore(v.more);
    out.setOver(v.over);
    out.setError(text(v.error));
  }
};

template <class Builder>
void set_note(const std::optional<std::string>& note, Builder out) {
  if (note) out.setNote(text(*note));
  out.setHasNote(note.has_value());
}

struct OrderWriter {
  schema::Command::Builder command;

  void operator()(const Start& v) {
    auto out = command.initStart();
    out.setWorkflowId(text(v.workflow_id));
    out.setVariables(data(v.variables));
  }
  void operator()(const Resume& v) {
    auto out = command.initResume();
    out.setApproved(v.approved);
    set_note(v.note, out);
  }
  void operator()(const Cancel& v) { set_note(v.note, command.initCancel()); }
  void operator()(const Input& v) { command.initInput().setJson(data(v.json)); }
};

struct DaemonWriter {
  schema::ToDaemon::Builder root;

  void operator()(const Welcome& v) { root.initWelcome().setVersion(v.version); }
  void operator()(const Acks& v) {
    auto acks = root.initAcks(static_cast<unsigned>(v.size()));
    for (unsigned i = 0; i < acks.size(); ++i) {
      acks[i].setRunId(text(v[i].run_id));
      acks[i].setSeq(v[i].seq);
    }
  }
  void operator()(const Command& v) {
    auto out = root.initCommand();
    out.setCommandId(text(v.command_id));
    out.setRunId(text(v.run_id));
    out.setStepId(text(v.step_id));
    out.setPause(v.pause);
    std::visit(OrderWriter{out}, v.order);
  }
  void operator()(const Describe& v) { root.initDescribe().setId(v.id); }
  void operator()(const ReadOutput& v) {
    auto out = root.initReadOutput();
    out.setId(v.id);
    out.setRunId(text(v.run_id));
    out.setStartedAt(text(v.started_at));
    set_place(v.place, out.initPlace());
    out.setTail(v.tail);
    out.setMaxBytes(v.max_bytes);
  }
};

// About how much text and data a message carries, for the size of its builder.
struct Bytes {
  std::size_t operator()(const Register& v) const {
    std::size_t sum = v.worker_id.size();
    for (const std::string& run : v.active_runs) sum += run.size() + 16;
    return sum;
  }
  std::size_t operator()(const Announced& v) const {
    return v.run_id.size() + v.status.size() + v.workflow_path.size() + v.started_at.size();
  }
  std::size_t operator()(const Events& v) const {
    std::size_t sum = 0;
    for (const std::string& frame : v.frames) sum += frame.size() + 8;
    return sum;
  }
  std::size_t operator()(const Heartbeat&) const { return 0; }
  std::size_t operator()(const CommandResult& v) const {
    return v.command_id.size() + v.run_id.size() + v.code.size() + v.message.size();
  }
  std::size_t operator()(const Described& v) const { return v.workflows.size() + v.error.size(); }
  std::size_t operator()(const Output& v) const {
    constexpr std::size_t kOfPiece = 128;  // all of it but its texts and bytes
    std::size_t sum = v.error.size();
    for (const OutputPiece& piece : v.pieces) {
      sum += piece.step_id.size() + piece.source.size() + piece.bytes.size() + kOfPiece;
    }
    return sum;
  }
  std::size_t operator()(const Describe&) const { return 0; }
  std::size_t operator()(const ReadOutput& v) const {
    return v.run_id.size() + v.started_at.size();
  }
  std::size_t operator()(const Welcome&) const { return 0; }
  std::size_t operator()(const Acks& v) const {
    std::size_t sum = 0;
    for (const Ack& ack : v) sum += ack.run_id.size() + 24;
    return sum;
  }
  static std::size_t note(const std::optional<std::string>& note) {
    return note ? note->size() : 0;
  }
  std::size_t operator()(const Command& v) const {
    struct Order {
      std::size_t operator()(const Start& o) const {
        return o.workflow_id.size() + o.variables.size();
      }
      std::size_t operator()(const Resume& o) const { return note(o.note); }
      std::size_t operator()(const Cancel& o) const { return note(o.note); }
      std::size_t operator()(const Input& o) const { return o.json.size(); }
    };
    return v.command_id.size() + v.run_id.size() + v.step_id.size() + std::visit(Order{}, v.order);
  }
};

// ---- reading ----

// Takes texts out of a message and remembers whether each was one.
class Texts {
 public:
  std::string take(capnp::Text::Reader in) {
    std::string out = str(in);
    for (std::string_view rest = out; ok_ && !rest.empty();) {
      const Utf8Sequence next = utf8_sequence(rest);
      ok_ = next.valid && rest.front() != '\0';
      rest.remove_prefix(next.length);
    }
    return out;
  }
  [[nodiscard]] bool ok() const { return ok_; }

 private:
  bool ok_ = true;
};

template <class Reader>
std::optional<std::string> note_of(Texts& texts, Reader in) {
  if (!in.getHasNote()) return std::nullopt;
  return texts.take(in.getNote());
}

// Whether it is one JSON object, by the rules for commands in JSON: as Python reads it.
bool is_object(std::string_view json) {
  JsonLimits limits;
  limits.python_extras = true;
  const auto kind = check_json(json, limits);
  return kind && *kind == JsonKind::object;
}

Error unknown(std::string_view what) {
  return {std::make_error_code(std::errc::not_supported), "unknown kind of " + std::string(what)};
}

Error wrong(std::string_view what) {
  return plain_error("malformed " + std::string(kFormat) + ": " + std::string(what));
}

template <class Message>
Result<Message> checked(const Texts& texts, Message message) {
  if (!texts.ok()) return wrong("a text is not UTF-8");
  return message;
}

Result<ToGateway> read_register(schema::Register::Reader in) {
  if (in.getVersion() != kVersion) {
    return message::version_error(kSubprotocol, in.getVersion(), kVersion);
  }
  Texts texts;
  Register out;
  out.worker_id = texts.take(in.getWorkerId());
  out.max_runs = in.getMaxRuns();
  for (const auto run : in.getActiveRuns()) out.active_runs.push_back(texts.take(run));
  out.tells_output = in.getTellsOutput();
  if (out.worker_id.empty()) return wrong("a worker id is empty");
  return checked(texts, ToGateway(std::move(out)));
}

Result<ToGateway> read_announced(schema::Announced::Reader in) {
  Texts texts;
  Announced out{texts.take(in.getRunId()), texts.take(in.getStatus()),
                texts.take(in.getWorkflowPath()), texts.take(in.getStartedAt())};
  return checked(texts, ToGateway(std::move(out)));
}

Result<ToGateway> read_events(schema::Events::Reader in) {
  const auto frames = in.getFrames();
  if (frames.size() > kMaxFrames) return wrong("too many frames");
  Events out;
  out.frames.reserve(frames.size());
  for (const auto frame : frames) out.frames.push_back(str(frame));
  return ToGateway(std::move(out));
}

Result<ToGateway> read_result(schema::CommandResult::Reader in) {
  Texts texts;
  CommandResult out{texts.take(in.getCommandId()), texts.take(in.getRunId()), in.getOk(),
                    texts.take(in.getCode()), texts.take(in.getMessage())};
  return checked(texts, ToGateway(std::move(out)));
}

// What goes on to browsers is JSON as they read it.
Result<ToGateway> read_described(schema::Described::Reader in) {
  Texts texts;
  Described out{in.getId(), str(in.getWorkflows()), texts.take(in.getError())};
  if (out.error.empty()) {
    const auto kind = check_json(out.workflows, {});
    if (!kind || *kind != JsonKind::array) return wrong("a description is no JSON array");
  }
  return checked(texts, ToGateway(std::move(out)));
}

OutputPlace read_place(schema::OutputPlace::Reader in) {
  return {in.getPosition(), in.getSegment(), in.getOffset()};
}

Result<ToGateway> read_output(schema::Output::Reader in) {
  const auto pieces = in.getPieces();
  if (pieces.size() > kMaxPieces) return wrong("too many pieces of output");
  Texts texts;
  Output out;
  out.id = in.getId();
  for (const auto bytes : pieces) {
    auto piece = decode_output_piece(str(bytes));
    if (!piece) return wrong("a piece of output is none");
    out.pieces.push_back(std::move(*piece));
  }
  out.next = read_place(in.getNext());
  out.more = in.getMore();
  out.over = in.getOver();
  out.error = texts.take(in.getError());
  return checked(texts, ToGateway(std::move(out)));
}

Result<ToGateway> read_to_gateway(schema::ToGateway::Reader in) {
  switch (in.which()) {
    case schema::ToGateway::REGISTER:
      return read_register(in.getRegister());
    case schema::ToGateway::ANNOUNCED:
      return read_announced(in.getAnnounced());
    case schema::ToGateway::EVENTS:
      return read_events(in.getEvents());
    case schema::ToGateway::HEARTBEAT:
      return ToGateway(Heartbeat{in.getHeartbeat().getRunning(), in.getHeartbeat().getPaused()});
    case schema::ToGateway::RESULT:
      return read_result(in.getResult());
    case schema::ToGateway::DESCRIBED:
      return read_described(in.getDescribed());
    case schema::ToGateway::OUTPUT:
      return read_output(in.getOutput());
  }
  return unknown("message");
}

Result<ToDaemon> read_acks(capnp::List<schema::Ack>::Reader in) {
  if (in.size() > kMaxAcks) return wrong("too many acknowledgements");
  Texts texts;
  Acks out;
  for (const auto ack : in) out.push_back({texts.take(ack.getRunId()), ack.getSeq()});
  return checked(texts, ToDaemon(std::move(out)));
}

Result<ToDaemon> read_command(schema::Command::Reader in) {
  Texts texts;
  Command out;
  out.command_id = texts.take(in.getCommandId());
  out.run_id = texts.take(in.getRunId());
  out.step_id = texts.take(in.getStepId());
  out.pause = in.getPause();
  switch (in.which()) {
    case schema::Command::START: {
      Start start{texts.take(in.getStart().getWorkflowId()), str(in.getStart().getVariables())};
      if (!start.variables.empty() && !is_object(start.variables)) {
        return wrong("variables are no JSON object");
      }
      out.order = std::move(start);
      break;
    }
    case schema::Command::RESUME:
      out.order = Resume{in.getResume().getApproved(), note_of(texts, in.getResume())};
      break;
    case schema::Command::CANCEL:
      out.order = Cancel{note_of(texts, in.getCancel())};
      break;
    case schema::Command::INPUT:
      out.order = Input{str(in.getInput().getJson())};
      if (!is_object(std::get<Input>(out.order).json)) {
        return wrong("an input is no JSON object");
      }
      break;
    default:
      return unknown("command");
  }
  if (out.command_id.empty()) return wrong("a command id is empty");
  return checked(texts, ToDaemon(std::move(out)));
}

Result<ToDaemon> read_read_output(schema::ReadOutput::Reader in) {
  Texts texts;
  ReadOutput out{in.getId(),
                 texts.take(in.getRunId()),
                 texts.take(in.getStartedAt()),
                 read_place(in.getPlace()),
                 in.getTail(),
                 in.getMaxBytes()};
  return checked(texts, ToDaemon(std::move(out)));
}

Result<ToDaemon> read_to_daemon(schema::ToDaemon::Reader in) {
  switch (in.which()) {
    case schema::ToDaemon::WELCOME:
      if (in.getWelcome().getVersion() != kVersion) {
        return message::version_error(kSubprotocol, in.getWelcome().getVersion(), kVersion);
      }
      return ToDaemon(Welcome{});
    case schema::ToDaemon::ACKS:
      return read_acks(in.getAcks());
    case schema::ToDaemon::COMMAND:
      return read_command(in.getCommand());
    case schema::ToDaemon::DESCRIBE:
      return ToDaemon(Describe{in.getDescribe().getId()});
    case schema::ToDaemon::READ_OUTPUT:
      return read_read_output(in.getReadOutput());
  }
  return unknown("message");
}

}  // namespace

std::string encode(const ToGateway& message) {
  return message::write<schema::ToGateway>(
      std::visit(Bytes{}, message), [&](auto out) { std::visit(GatewayWriter{out}, message); });
}

std::string encode(const ToDaemon& message) {
  return message::write<schema::ToDaemon>(
      std::visit(Bytes{}, message), [&](auto out) { std::visit(DaemonWriter{out}, message); });
}

Result<ToGateway> decode_to_gateway(std::string_view bytes) {
  return message::read_framed<schema::ToGateway>(bytes, kFormat, read_to_gateway);
}

Result<ToDaemon> decode_to_daemon(std::string_view bytes) {
  return message::read_framed<schema::ToDaemon>(bytes, kFormat, read_to_daemon);
}

Result<CarriedEvent> event_of(std::string_view frame) {
  auto decoded = decode_journal_frame(frame);
  if (!decoded) return wrong("a frame is no journal frame");
  auto* event = std::get_if<Event>(&decoded->body);
  if (event == nullptr) return wrong("a frame is no event");
  for (const std::string* one : {&event->run_id, &event->kind, &event->step_id}) {
    Texts texts;
    (void)texts.take({one->data(), one->size()});
    if (!texts.ok()) return wrong("a text is not UTF-8");
  }
  return CarriedEvent{decoded->at_us, std::move(*event)};
}

std::optional<std::uint64_t> event_seq(std::string_view frame) {
  const auto read = [](charter::schema::JournalFrame::Reader in) -> Result<std::uint64_t> {
    if (!in.isEvent()) return plain_error("no event");
    return in.getEvent().getSeq();
  };
  const auto seq = message::read<charter::schema::JournalFrame>(frame, "journal frame", read);
  if (!seq) return std::nullopt;
  return *seq;
}

}  // namespace charter::ipc::wire
