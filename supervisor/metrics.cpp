#include "supervisor/metrics.h"

#include <variant>

#include "ipc/journal.h"
#include "ipc/limit_texts.h"
#include "supervisor/burst.h"

namespace charter::supervisor {
namespace {

constexpr double kSecond = 1e6;  // in microseconds

}  // namespace

void Metrics::frame_read(Burst& burst, const ipc::JournalFrame& frame) {
  const auto* event = std::get_if<ipc::Event>(&frame.body);
  if (event == nullptr) return;
  const auto ended = [&] {
    if (burst.step_began_us == 0) return;
    step_time.add(static_cast<double>(frame.at_us - burst.step_began_us) / kSecond);
    burst.step_began_us = 0;
  };
  if (event->kind == "StepStartEvent") {
    ++steps_started;
    burst.step_began_us = frame.at_us;
  } else if (event->kind == "StepCompleteEvent") {
    ++steps_completed;
    ended();
  } else if (event->kind == "StepFailedEvent") {
    ++steps_failed;
    ended();
  } else if (event->kind == "StepSkippedEvent") {
    ++steps_skipped;
  } else if (event->kind == "StepRetryEvent") {
    ++step_retries;
  }
}

void Metrics::run_ended(const Run& run) {
  if (run.updated_us < began_us) return;
  const auto which = run.wire == WireStatus::completed ? 0U
                     : run.wire == WireStatus::failed  ? 1U
                                                       : 2U;
  ++runs_ended.at(which);
  if (const auto began = ipc::read_wire_time(run.started_at)) {
    run_time.add(static_cast<double>(run.updated_us - *began) / kSecond);
  }
  if (run.wire != WireStatus::failed) return;
  if (run.error.starts_with(ipc::kOutOfMemory)) ++memory_limit_hits;
  if (ipc::tells_of_too_many_processes(run.error)) ++pids_limit_hits;
  if (run.error.starts_with(ipc::kOverTime)) ++time_limit_hits;
}

}  // namespace charter::supervisor
