// Writes the run's journal: gives events their numbers, keeps what belongs together in one append,
// and rings the supervisor after it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ipc/doorbell.h"
#include "ipc/error.h"
#include "ipc/journal.h"
#include "worker/events.h"

namespace charter::worker {

// Where events go besides the journal, and before it: what gives them their place in a stream.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual ipc::Result<std::optional<std::int64_t>> append(const ipc::Event& event,
                                                          std::int64_t at_us) = 0;
};

class Recorder {
 public:
  // `pauses` counts the pauses so far.
  Recorder(ipc::Journal journal, ipc::Doorbell doorbell, std::string run_id, std::uint64_t next_seq,
           std::uint32_t pauses);

  // Every event goes to `sink` first from now on, which outlives this; null: to none any more.
  void use(EventSink* sink) { sink_ = sink; }
  // Why the sink did not take an event, once. That event is not recorded, nor is any after it
  // until this was asked; the next one has its number.
  [[nodiscard]] std::optional<std::string> take_fault() { return std::exchange(fault_, {}); }

  // The burst begins, and again when it turns out that it begins from another state.
  void open(ipc::Opened opened, std::int64_t at_us);
  void open_again(std::string state, std::int64_t at_us);

  // Kept until flush(). `at_us` is the frame's time.
  void add(EventDraft event, std::int64_t at_us);
  template <class Body>
  void add_frame(Body body, std::int64_t at_us) {
    frames_.push_back({at_us, std::move(body)});
  }
  // The pause the run is entering, with the event that tells of it; `pause` lacks number and step.
  void add_pause(EventDraft pending, ipc::Pause pause, std::int64_t at_us);
  // The same pause again: the file is the truth once more, and nothing is told.
  void repeat_pause(ipc::Pause pause, std::string step_id, std::int64_t at_us);

  // Appends everything added since the last time, with one write.
  ipc::Result<void> flush();
  // Makes the journal durable.
  ipc::Result<void> sync();
  // Tells the supervisor how long the journal has become.
  void ring() { doorbell_.ring(journal_.end()); }

  [[nodiscard]] int doorbell() const { return doorbell_.fd(); }
  void keep_alive() { doorbell_.keep_alive(journal_.end()); }
  [[nodiscard]] std::uint64_t next_seq() const { return next_seq_; }

 private:
  ipc::Journal journal_;
  ipc::Doorbell doorbell_;
  std::string run_id_;
  std::uint64_t next_seq_;
  std::uint32_t pauses_;
  std::vector<ipc::JournalFrame> frames_;
  ipc::Opened opened_;  // but for its state
  EventSink* sink_ = nullptr;
  std::optional<std::string> fault_;
};

}  // namespace charter::worker
