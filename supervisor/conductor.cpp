#include "supervisor/conductor.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "ipc/peer.h"
#include "supervisor/burst.h"
#include "supervisor/log.h"
#include "supervisor/orphans.h"
#include "supervisor/paused_state.h"
#include "supervisor/run_watcher.h"

namespace charter::supervisor {
namespace {

constexpr std::size_t kProjectsAtOnce = 8;
constexpr std::chrono::milliseconds kPulse{1000};
constexpr std::chrono::milliseconds kLaunchRetry{500};
constexpr std::chrono::seconds kHeldRetry{30};
constexpr std::uint32_t kMostFailedLaunches = 10;
constexpr std::chrono::milliseconds kHelloPatience{5000};

// No worker of a nested project's run can begin then, and none can end it.
bool project_is_gone(const Run& run) {
  return !run.project_root.empty() && ::access(run.project_root.c_str(), X_OK) != 0;
}

}  // namespace

Conductor::Conductor(Parts parts, std::size_t slots, Hooks hooks)
    : parts_(std::move(parts)),
      hooks_(std::move(hooks)),
      slots_(slots),
      kills_(parts_.disk, parts_.layout),
      fresh_journals_(parts_.disk, parts_.layout, [this](const RunPtr& run) { files_made(run); }),
      pending_files_(parts_.executor, parts_.disk, parts_.layout,
                     [this](const RunPtr& run) { files_made(run); }),
      paused_watch_(parts_.layout),
      boot_id_(ipc::boot_id()),
      pulse_(parts_.executor),
      linger_(parts_.executor),
      retry_(parts_.executor),
      aside_timer_(parts_.executor) {
  arm_pulse();
}

void Conductor::enqueue(const RunPtr& run) {
  if (run->waits_by_file()) return take_on(run);
  run->state = RunState::queued;
  fresh_journals_.make(run);
  slots_.add_start(run);
  fill_slots();
  if (run->state == RunState::queued) pending_files_.expect(run);
}

void Conductor::take_on(const RunPtr& run) {
  run->state = RunState::paused;
  wait_by_file(run);
  run->delivery.visible = true;
  hooks_.announce(run);
  commands_take_effect(run);
}

// What the file says by now may be another pause, or none.
bool Conductor::wait_by_file(const RunPtr& run) {
  const auto state = read_paused_state(parts_.layout, run->id);
  run->wire = WireStatus::paused;
  run->waits_at = state ? state->waits_at : PauseKind::gate;
  if (state) run->step = state->step;
  paused_watch_.expect(run, state ? &*state : nullptr);
  return state.has_value();
}

// No worker may begin before: the file would replace the engine's.
void Conductor::files_made(const RunPtr& run) {
  if (run->files_busy > 0) return;
  if (run->state == RunState::starting) begin(run);
  start_projects();
}

void Conductor::recovered() {
  recovering_ = false;
  fill_slots();
  start_projects();
}

void Conductor::set_holding(bool holding) {
  holding_ = holding;
  if (holding_) return;
  fill_slots();
  start_projects();
}

void Conductor::set_starved(bool starved) {
  starved_ = starved;
  if (!starved_) fill_slots();
}

void Conductor::set_draining(bool draining) {
  draining_ = draining;
  if (!draining_) fill_slots();
}

void Conductor::fill_slots() {
  if (std::exchange(filling_, true)) return;
  while (may_start() && !starved_ && !draining_) {
    const RunPtr run = slots_.take();
    if (run == nullptr) break;
    run->state = RunState::starting;
    if (run->files_busy == 0) begin(run);
  }
  filling_ = false;
}

// The run has a slot. A decision makes it a resume, anything else a start.
void Conductor::begin(const RunPtr& run) {
  if (run->cancellation() != nullptr) {
    step_back(run);
    commands_take_effect(run);
    fill_slots();
    return;
  }
  // The hold may have come while its files were made, or the drain.
  if (holding_ || draining_) {
    step_back(run);
    slots_.return_to_front(run);
    return;
  }
  const ipc::Command* decision = run->waits_at == PauseKind::none ? nullptr : run->decision();
  LaunchOrder order;
  if (decision != nullptr) {
    order.cause = decision->kind == "input" ? Cause::input : Cause::resume;
    order.command = decision;
  } else if (run->goes_on) {
    order.cause = Cause::go_on;
  }
  const bool approved = decision != nullptr && decision->kind == "approve";
  const bool announce = decision == nullptr || approved;
  const std::uint64_t number = decision != nullptr ? decision->number : 0;
  live_.insert(run);
  parts_.launcher.launch(run, order, [=, this](const std::optional<LaunchFault>& fault) {
    if (fault) return launch_failed(run, *fault);
    run->burst->decision = number;
    if (approved) run->wire = WireStatus::running;
    launched(run, announce);
    log::info("Tracking run: run_id={} status={} workflow_path={}", run->id, name_of(run->wire),
              run->workflow_path);
    // What came while the worker was being made.
    if (run->cancellation() != nullptr) command_accepted(run);
  });
}

void Conductor::launched(const RunPtr& run, bool announce) {
  const Burst& burst = *run->burst;
  run->failed_launches = 0;
  parts_.ledger.note(
      {0, ipc::Spawned{run->id, burst.number, burst.guardian->pid(), 0, burst.secret}});
  if (!burst.projecting) run->delivery.visible = true;
  if (announce) hooks_.announce(run);
  if (burst.doorbell > 0) hello(run);  // it was heard before
}

void Conductor::launch_failed(const RunPtr& run, const LaunchFault& fault) {
  log::error("Cannot start a worker for run {}: {}", run->id, fault.error.message());
  const bool own = fault.own || project_is_gone(*run);
  live_.erase(run);
  step_back(run);
  if (!own) retry_soon();
  // It may have been cancelled while the worker was being made.
  if (run->cancellation() != nullptr) {
    commands_take_effect(run);
  } else if (own) {
    try_later(run, std::nullopt, fault.error);
  } else {
    slots_.return_to_front(run);
  }
  fill_slots();
}

// Behind the others, whom its fault does not concern. It may pass, so it is not given up at once.
void Conductor::try_later(const RunPtr& run, std::optional<Project> order,
                          const ipc::Error& error) {
  if (++run->failed_launches >= kMostFailedLaunches) {
    held_aside_.push_back({run, std::move(order), BootClock::now() + kHeldRetry});
    if (run->failed_launches == kMostFailedLaunches) {
      log::error("Run {} is held until a worker can be started for it: {}", run->id,
                 error.message());
    }
    run->project_due = false;
    show_held(run);
    return;
  }
  aside_.push_back({run, std::move(order), {}});
  if (aside_.size() > 1) return;
  aside_timer_.expires_after(kLaunchRetry);
  aside_timer_.async_wait([this](const boost::system::error_code& stopped) {
    if (stopped) return;
    for (Aside& one : std::exchange(aside_, {})) try_again(std::move(one));
    fill_slots();
    start_projects();
  });
}

void Conductor::try_again(Aside one) {
  if (one.order) {
    projects_.push_back(std::move(*one.order));
  } else if (waits_for_slot(*one.run)) {
    one.run->state == RunState::paused ? slots_.add_resume(one.run) : slots_.add_start(one.run);
  }
}

void Conductor::try_held_again() {
  const auto now = BootClock::now();
  for (Aside& one : std::exchange(held_aside_, {})) {
    if (one.run->forgotten && !one.run->leaving) continue;
    if (one.due > now || !may_start() || one.run->leaving) {
      held_aside_.push_back(std::move(one));
    } else if (one.order) {
      one.run->state = RunState::ending;
      one.run->project_due = true;
      try_again(std::move(one));
    } else {
      step_back(one.run);
      one.run->cancellation() != nullptr ? commands_take_effect(one.run)
                                         : try_again(std::move(one));
    }
  }
  fill_slots();
  start_projects();
}

// Gives the slot back before anything was started.
void Conductor::step_back(const RunPtr& run) {
  const bool waits = run->waits_at != PauseKind::none && !run->goes_on;
  run->state = waits ? RunState::paused : RunState::queued;
  slots_.release(*run);
}

// Nothing is started until then: what failed once would fail again at once.
void Conductor::retry_soon() {
  if (std::exchange(backing_off_, true)) return;
  retry_.expires_after(kLaunchRetry);
  retry_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    backing_off_ = false;
    fill_slots();
    start_projects();
  });
}

void Conductor::project(const RunPtr& run, const ipc::Command* command, std::string reason) {
  run->state = RunState::ending;
  run->project_due = true;
  run->goes_on = false;
  Project order{run, std::nullopt, std::move(reason)};
  if (command != nullptr) order.command = *command;
  projects_.push_back(std::move(order));
  start_projects();
}

void Conductor::start_projects() {
  while (may_start() && projecting_ < kProjectsAtOnce) {
    const auto next = std::find_if(projects_.begin(), projects_.end(),
                                   [](const Project& one) { return one.run->files_busy == 0; });
    if (next == projects_.end()) return;
    Project order = std::move(*next);
    projects_.erase(next);
    ++projecting_;
    start_project(std::move(order));
  }
}

void Conductor::start_project(Project order) {
  LaunchOrder launch;
  launch.cause = Cause::project;
  launch.command = order.command ? &*order.command : nullptr;
  launch.reason = order.reason;
  const RunPtr run = order.run;
  live_.insert(run);
  parts_.launcher.launch(run, launch, [=, this](const std::optional<LaunchFault>& fault) mutable {
    if (!fault) {
      run->project_due = false;
      launched(run, false);
      return;
    }
    log::error("Cannot end run {}: {}", run->id, fault->error.message());
    --projecting_;
    if (fault->own || project_is_gone(*run)) {
      try_later(run, std::move(order), fault->error);
      start_projects();
      return;
    }
    projects_.push_front(std::move(order));
    retry_soon();
  });
}

void Conductor::command_accepted(const RunPtr& run) {
  const ipc::Command* cancellation = run->cancellation();
  switch (run->state) {
    case RunState::queued:
    case RunState::paused:
      commands_take_effect(run);
      return;
    case RunState::starting:
    case RunState::executing:
    case RunState::ending:
    case RunState::unreachable:
      if (cancellation != nullptr && kills_.end(run, *cancellation)) {
        run->state = RunState::ending;
        tell_watchers(*run);
      }
      return;
    case RunState::held:
    case RunState::finished:
      return;
  }
}

// The run has no worker. A cancellation goes before any decision; a refusal needs no slot, because
// nothing is executed.
void Conductor::commands_take_effect(const RunPtr& run) {
  drop_late_decisions(*run);
  if (const ipc::Command* cancellation = run->cancellation()) {
    project(run, cancellation, {});
    return;
  }
  const ipc::Command* decision = run->decision();
  if (run->state != RunState::paused || decision == nullptr) return;
  if (decision->kind == "refuse") {
    ipc::Command refusal = *decision;
    refusal.kind = "cancel";
    project(run, &refusal, {});
    return;
  }
  slots_.add_resume(run);
  fill_slots();
}

// A decision belongs to the pause at which it was accepted and to no later one.
void Conductor::drop_late_decisions(Run& run) {
  std::erase_if(run.commands, [&](const ipc::Command& one) {
    const bool cancels = one.kind == "cancel" || one.kind == "kill";
    if (cancels || one.pause == run.pauses) return false;
    done(run, one, false, "not_paused");
    return true;
  });
}

void Conductor::done(Run& run, const ipc::Command& command, bool ok, const char* code) {
  parts_.ledger.note({0, ipc::CommandDone{run.id, command.number, ok, code, {}}});
  if (!command.command_id.empty()) {
    run.answered.push_back({command.number, command.command_id, command.kind, ok, code, {}});
  }
}

// The decision that began this burst has taken its effect and is not repeated any more. The run may
// have come to its next pause since.
void Conductor::step_begun(const RunPtr& run, std::uint64_t number) {
  run->vain_bursts = 0;
  const auto decision = std::ranges::find(run->commands, number, &ipc::Command::number);
  if (decision == run->commands.end()) return;
  const ipc::Command taken = std::move(*decision);
  run->commands.erase(decision);
  done(*run, taken, true, "");
}

void Conductor::arm_pulse() {
  pulse_.expires_after(kPulse);
  pulse_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    pulse();
    arm_pulse();
  });
}

// What no ring and no exit told: a missed doorbell, a silent engine, an orphan.
void Conductor::pulse() {
  end_orphans();
  const std::vector<RunPtr> runs(live_.begin(), live_.end());
  for (const RunPtr& run : runs) check(run);
  settle_again();
  if (!held_aside_.empty()) try_held_again();
  look_into_changed_files();
}

// The worker reports what another hand did to a paused run, and leaves it paused where that hand
// still executes.
void Conductor::look_into_changed_files() {
  if (!may_start()) return;
  for (const RunPtr& run : paused_watch_.changed()) {
    if (run->burst != nullptr || run->holds_slot || run->decision_under_way ||
        !run->commands.empty()) {
      continue;  // its command's own worker looks first, too
    }
    log::info("Run {} was gone on with by another hand", run->id);
    hooks_.announce(run);
    // Of the pause before nobody was told anything.
    if (run->waits_by_file() && wait_by_file(run)) continue;
    project(run, nullptr, {});
  }
}

void Conductor::check(const RunPtr& run) {
  const std::shared_ptr<Burst> burst = run->burst;
  if (burst == nullptr || run->project_due) return;
  parts_.tailer.read(run);
  const bool closing = burst->closing != Burst::Closing::no;
  if (closing || burst->sync_failed) parts_.tailer.sync(run);
  if (closing) return;
  const bool silent = burst->doorbell == 0 && !burst->projecting && !burst->guardian_gone &&
                      BootClock::now() - burst->begun > kHelloPatience;
  if (silent && (run->state == RunState::starting || run->state == RunState::executing)) {
    log::warning("Run {} does not answer; its worker holds the lock", run->id);
    run->state = RunState::unreachable;
    tell_watchers(*run);
  }
  if (burst->guardian == nullptr && !burst->guardian_gone) settle(run);
}

void Conductor::hello(const RunPtr& run) {
  if (run->state == RunState::starting || run->state == RunState::unreachable) {
    run->state = RunState::executing;
  }
  parts_.tailer.read(run);
}

// Frames of a live worker: states follow them.
void Conductor::frames_read(const RunPtr& run) {
  const Burst& burst = *run->burst;
  using Last = ipc::JournalSummary::Last;
  const Last last = burst.summary.last;
  if (run->state == RunState::starting) run->state = RunState::executing;
  if (last == Last::paused || last == Last::terminal) {
    if (run->progress.end > burst.began_at) run->state = RunState::ending;
  }
  // A worker that was adopted before its first frame has not been launched by this supervisor.
  const bool begun = burst.adopted && run->started_burst;
  if ((begun || is_terminal(run->wire)) && !run->delivery.visible) {
    run->delivery.visible = true;
    hooks_.announce(run);
  }
}

// Nothing more of it is shown until it was mended. Its worker goes on.
void Conductor::sync_failed(const RunPtr& run) {
  if (run->burst->closing != Burst::Closing::no) wait_for_disk(run);
}

void Conductor::durable(const RunPtr& run) {
  if (run->started_burst && !run->state_bytes.empty()) {
    run->state_bytes.clear();  // the journal has it
    run->state_bytes.shrink_to_fit();
  }
  hooks_.events_ready(run);
  const std::shared_ptr<Burst> burst = run->burst;
  if (burst != nullptr && burst->closing != Burst::Closing::no) conclude(run);
  tell_watchers(*run);
}

}  // namespace charter::supervisor
