#include "ipc/codec.h"
#include "ipc/message.h"
#include "ipc/schema.h"

namespace charter::ipc {

using message::data;
using message::str;
using message::text;

void write_command(const Command& v, schema::Command::Builder out) {
  out.setRunId(text(v.run_id));
  out.setNumber(v.number);
  out.setCommandId(text(v.command_id));
  out.setKind(text(v.kind));
  if (v.note) out.setNote(text(*v.note));
  out.setHasNote(v.note.has_value());
  out.setInput(data(v.input));
  out.setAskerUid(v.asker_uid);
  out.setGraceMs(v.grace_ms);
  out.setPause(v.pause);
}

Command read_command(schema::Command::Reader in) {
  Command out;
  out.run_id = str(in.getRunId());
  out.number = in.getNumber();
  out.command_id = str(in.getCommandId());
  out.kind = str(in.getKind());
  if (in.getHasNote()) out.note = str(in.getNote());
  out.input = str(in.getInput());
  out.asker_uid = in.getAskerUid();
  out.grace_ms = in.getGraceMs();
  out.pause = in.getPause();
  return out;
}

std::size_t text_bytes(const Command& v) {
  return v.run_id.size() + v.command_id.size() + v.kind.size() + v.note.value_or("").size() +
         v.input.size();
}

namespace {

// How much text and data a body carries, for the size of its message.
struct TextBytes {
  std::size_t operator()(const Place& v) const { return v.machine_id.size() + v.filesystem.size(); }
  std::size_t operator()(const Accepted& v) const {
    return v.run_id.size() + v.workflow_id.size() + v.workflow_path.size() + v.started_at.size() +
           v.state.size() + v.state_file.size() + v.project_root.size() + v.on_lost.size() +
           v.retry_of.size() + v.command_id.size();
  }
  std::size_t operator()(const Command& v) const { return text_bytes(v); }
  std::size_t operator()(const CommandDone& v) const {
    return v.run_id.size() + v.code.size() + v.message.size();
  }
  std::size_t operator()(const Spawned& v) const { return v.run_id.size() + v.secret.size(); }
  std::size_t operator()(const Cursor& v) const { return v.gateway.size() + v.run_id.size(); }
  std::size_t operator()(const Closed& v) const { return v.run_id.size() + v.status.size(); }
  std::size_t operator()(const Forgotten& v) const { return v.run_id.size(); }
  std::size_t operator()(const Started& v) const {
    return v.command_id.size() + v.run_id.size() + v.code.size() + v.message.size();
  }
};

struct Writer {
  schema::LedgerRecord::Builder record;

  void operator()(const Place& v) {
    auto out = record.initPlace();
    out.setVersion(v.version);
    out.setInode(v.inode);
    out.setMachineId(text(v.machine_id));
    out.setFilesystem(text(v.filesystem));
  }
  void operator()(const Accepted& v) {
    auto out = record.initAccepted();
    out.setRunId(text(v.run_id));
    out.setOrder(v.order);
    out.setWorkflowId(text(v.workflow_id));
    out.setWorkflowPath(text(v.workflow_path));
    out.setStartedAt(text(v.started_at));
    out.setState(data(v.state));
    out.setStateFile(text(v.state_file));
    out.setAdoptedPaused(v.adopted_paused);
    out.setProjectRoot(text(v.project_root));
    out.setOnLost(text(v.on_lost));
    out.setRetryOf(text(v.retry_of));
    out.setSandbox(v.sandbox);
    out.setCommandId(text(v.command_id));
  }
  void operator()(const Command& v) { write_command(v, record.initCommand()); }
  void operator()(const CommandDone& v) {
    auto out = record.initCommandDone();
    out.setRunId(text(v.run_id));
    out.setNumber(v.number);
    out.setOk(v.ok);
    out.setCode(text(v.code));
    out.setMessage(text(v.message));
  }
  void operator()(const Spawned& v) {
    auto out = record.initSpawned();
    out.setRunId(text(v.run_id));
    out.setBurst(v.burst);
    out.setPid(v.pid);
    out.setStart(v.start);
    out.setSecret(data(v.secret));
  }
  void operator()(const Cursor& v) {
    auto out = record.initCursor();
    out.setGateway(text(v.gateway));
    out.setRunId(text(v.run_id));
    out.setSeq(v.seq);
    out.setOffset(v.offset);
  }
  void operator()(const Closed& v) {
    auto out = record.initClosed();
    out.setRunId(text(v.run_id));
    out.setStatus(text(v.status));
    out.setDelivered(v.delivered);
  }
  void operator()(const Forgotten& v) { record.setForgotten(text(v.run_id)); }
  void operator()(const Started& v) {
    auto out = record.initStarted();
    out.setCommandId(text(v.command_id));
    out.setRunId(text(v.run_id));
    out.setOk(v.ok);
    out.setCode(text(v.code));
    out.setMessage(text(v.message));
    out.setRunIdKnown(v.run_id_known);
  }
};

Place read_body(schema::Place::Reader in) {
  return {in.getVersion(), in.getInode(), str(in.getMachineId()), str(in.getFilesystem())};
}

Accepted read_body(schema::Accepted::Reader in) {
  Accepted out;
  out.run_id = str(in.getRunId());
  out.order = in.getOrder();
  out.workflow_id = str(in.getWorkflowId());
  out.workflow_path = str(in.getWorkflowPath());
  out.started_at = str(in.getStartedAt());
  out.state = str(in.getState());
  out.state_file = str(in.getStateFile());
  out.adopted_paused = in.getAdoptedPaused();
  out.project_root = str(in.getProjectRoot());
  out.on_lost = str(in.getOnLost());
  out.retry_of = str(in.getRetryOf());
  out.sandbox = in.getSandbox();
  out.command_id = str(in.getCommandId());
  return out;
}

CommandDone read_body(schema::CommandDone::Reader in) {
  return {str(in.getRunId()), in.getNumber(), in.getOk(), str(in.getCode()), str(in.getMessage())};
}

Spawned read_body(schema::Spawned::Reader in) {
  return {str(in.getRunId()), in.getBurst(), in.getPid(), in.getStart(), str(in.getSecret())};
}

Cursor read_body(schema::Cursor::Reader in) {
  return {str(in.getGateway()), str(in.getRunId()), in.getSeq(), in.getOffset()};
}

Closed read_body(schema::Closed::Reader in) {
  return {str(in.getRunId()), str(in.getStatus()), in.getDelivered()};
}

Started read_body(schema::Started::Reader in) {
  return {str(in.getCommandId()), str(in.getRunId()),   in.getOk(),
          str(in.getCode()),      str(in.getMessage()), in.getRunIdKnown()};
}

Result<LedgerRecord> read_record(schema::LedgerRecord::Reader in) {
  const std::int64_t at = in.getAt();
  switch (in.which()) {
    case schema::LedgerRecord::PLACE:
      return LedgerRecord{at, read_body(in.getPlace())};
    case schema::LedgerRecord::ACCEPTED:
      return LedgerRecord{at, read_body(in.getAccepted())};
    case schema::LedgerRecord::COMMAND:
      return LedgerRecord{at, read_command(in.getCommand())};
    case schema::LedgerRecord::COMMAND_DONE:
      return LedgerRecord{at, read_body(in.getCommandDone())};
    case schema::LedgerRecord::SPAWNED:
      return LedgerRecord{at, read_body(in.getSpawned())};
    case schema::LedgerRecord::CURSOR:
      return LedgerRecord{at, read_body(in.getCursor())};
    case schema::LedgerRecord::CLOSED:
      return LedgerRecord{at, read_body(in.getClosed())};
    case schema::LedgerRecord::FORGOTTEN:
      return LedgerRecord{at, Forgotten{str(in.getForgotten())}};
    case schema::LedgerRecord::STARTED:
      return LedgerRecord{at, read_body(in.getStarted())};
  }
  return Error{std::make_error_code(std::errc::not_supported), "unknown kind of ledger record"};
}

}  // namespace

std::string encode(const LedgerRecord& record) {
  return message::write<schema::LedgerRecord>(std::visit(TextBytes{}, record.body), [&](auto out) {
    out.setAt(record.at_us);
    std::visit(Writer{out}, record.body);
  });
}

Result<LedgerRecord> decode_ledger_record(std::string_view payload) {
  return message::read<schema::LedgerRecord>(payload, "ledger record", read_record);
}

}  // namespace charter::ipc
