#include "worker/recorder.h"

namespace charter::worker {

Recorder::Recorder(ipc::Journal journal, ipc::Doorbell doorbell, std::string run_id,
                   std::uint64_t next_seq, std::uint32_t pauses)
    : journal_(std::move(journal)),
      doorbell_(std::move(doorbell)),
      run_id_(std::move(run_id)),
      next_seq_(next_seq),
      pauses_(pauses) {}

void Recorder::open(ipc::Opened opened, std::int64_t at_us) {
  opened_ = opened;
  opened_.state.clear();
  add_frame(std::move(opened), at_us);
}

void Recorder::open_again(std::string state, std::int64_t at_us) {
  ipc::Opened opened = opened_;
  opened.state = std::move(state);
  add_frame(std::move(opened), at_us);
}

void Recorder::add(EventDraft event, std::int64_t at_us) {
  if (fault_) return;
  ipc::Event frame;
  frame.run_id = run_id_;
  frame.seq = next_seq_++;
  frame.kind = std::move(event.kind);
  frame.step_id = std::move(event.step_id);
  frame.pause = pauses_;
  frame.sensitive = event.sensitive;
  frame.json = std::move(event.json);
  if (sink_ != nullptr) {
    const auto stored = sink_->append(frame, at_us);
    if (!stored) {
      fault_ = stored.error().message();
      --next_seq_;
      return;
    }
    frame.stream_seq = *stored;
  }
  add_frame(std::move(frame), at_us);
}

void Recorder::add_pause(EventDraft pending, ipc::Pause pause, std::int64_t at_us) {
  pause.number = ++pauses_;
  pause.step_id = pending.step_id;
  add(std::move(pending), at_us);
  if (fault_) {
    --pauses_;
    return;
  }
  add_frame(std::move(pause), at_us);
}

void Recorder::repeat_pause(ipc::Pause pause, std::string step_id, std::int64_t at_us) {
  pause.number = pauses_;
  pause.step_id = std::move(step_id);
  add_frame(std::move(pause), at_us);
}

ipc::Result<void> Recorder::flush() {
  if (frames_.empty()) return {};
  auto appended = journal_.append(frames_);
  frames_.clear();
  return appended;
}

ipc::Result<void> Recorder::sync() { return journal_.sync(); }

}  // namespace charter::worker
