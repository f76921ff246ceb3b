#include "worker/replay.h"

#include <fcntl.h>

#include <system_error>
#include <utility>

#include "ipc/codec.h"
#include "ipc/job.h"
#include "ipc/log_segment.h"
#include "ipc/regular_file.h"

namespace charter::worker {
namespace {

constexpr std::size_t kMostBlobBytes = std::size_t{1} << 30;

struct Follower {
  Replay& replay;
  std::int64_t at_us;

  void operator()(const ipc::Opened& opened) {
    if (opened.state.empty()) return;
    replay.base = opened.state;
    if (replay.first_base.empty()) replay.first_base = opened.state;
    replay.checkpoints.clear();
    replay.decisions.clear();
    // A step that was open when the worker was lost stays so for whoever follows the events.
    if (opened.cause == "continue") {
      replay.went_on = true;
      return;
    }
    replay.last_step.reset();
    replay.open = false;
  }

  void operator()(const ipc::Event& event) {
    replay.last_event = event;
    if (event.kind == "StepStartEvent") {
      replay.open = true;
      replay.open_since_us = at_us;
      replay.last_step = event_field(event, "step_id");
    } else if (event.kind == "StepCompleteEvent" || event.kind == "StepFailedEvent") {
      replay.open = false;
    } else if (event.kind == "GatePendingEvent" || event.kind == "InputPendingEvent") {
      replay.last_step = event_field(event, "step_id");
    } else if (event.kind == "GateDecisionEvent") {
      decide(event);
    }
  }

  void decide(const ipc::Event& event) {
    GateRecord record;
    record.step_id = event_field(event, "step_id");
    const Value approved = event_field(event, "approved");
    record.approved = approved.is_bool() && approved.as_bool();
    const Value note = event_field(event, "note");
    if (note.is_string()) record.note = note.as_string();
    record.decided_at = ipc::file_time(at_us);
    replay.decisions.push_back(std::move(record));
    ++replay.all_decisions;
  }

  void operator()(const ipc::Checkpoint& checkpoint) {
    replay.checkpoints.push_back(checkpoint);
    replay.open = false;
  }
  void operator()(const ipc::Exit& /*exit*/) { replay.exit_at_us = at_us; }
  template <class Other>
  void operator()(const Other& /*other*/) {}
};

ipc::Result<std::string> read_blob(const std::string& path) {
  const auto file = ipc::open_regular(path, O_RDONLY | O_NOFOLLOW);
  if (!file) return file.error();
  return ipc::read_all(file->get(), kMostBlobBytes);
}

ipc::Result<Object> outputs_of(const ipc::Checkpoint& checkpoint, const std::string& blobs) {
  std::string text = checkpoint.outputs;
  if (!checkpoint.blob.empty()) {
    auto blob = read_blob(blobs + "/" + checkpoint.blob);
    if (!blob) return blob.error();
    text = std::move(*blob);
  }
  auto value = parse_json(text, kKeptNesting);
  if (!value || !value->is_object()) return ipc::plain_error("a damaged checkpoint");
  return std::move(value->as_object());
}

}  // namespace

Value event_field(const ipc::Event& event, std::string_view name) {
  auto object = parse_json(event.json);
  if (!object || !object->is_object()) return {};
  const Value* field = object->as_object().find(name);
  return field == nullptr ? Value() : *field;
}

ipc::Result<Replay> replay_journal(int fd) {
  if (auto checked = ipc::check_log_header(fd, ipc::LogKind::journal); !checked) {
    return checked.error();
  }
  Replay replay;
  ipc::LogReader reader(fd);
  for (;;) {
    const auto next = reader.next();
    if (!next) return next.error();
    if (next->outcome == ipc::LogReader::Outcome::end) return replay;
    if (next->outcome == ipc::LogReader::Outcome::damaged) {
      replay.summary.damaged = true;
      continue;
    }
    const auto frame = ipc::decode_journal_frame(next->payload);
    if (!frame) {  // writing goes on behind it
      replay.summary.end = next->place.end;
      if (frame.error().code != std::errc::not_supported) replay.summary.damaged = true;
      continue;
    }
    ipc::fold(replay.summary, *frame, next->place.end);
    replay.last_at_us = frame->at_us;
    std::visit(Follower{replay, frame->at_us}, frame->body);
  }
}

ipc::Result<RunState> Replay::state(const std::string& blobs, const std::string& otherwise) const {
  auto state = RunState::parse(base.empty() ? otherwise : base);
  if (!state) return state;
  for (const ipc::Checkpoint& checkpoint : checkpoints) {
    auto outputs = outputs_of(checkpoint, blobs);
    if (!outputs) return outputs.error();
    state->add_outputs(checkpoint.step_id, std::move(*outputs), ipc::file_time(last_at_us));
  }
  for (const GateRecord& decision : decisions) state->decide(decision);
  if (last_step) state->enter_step(*last_step, ipc::file_time(last_at_us));
  return state;
}

}  // namespace charter::worker
