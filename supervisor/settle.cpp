// What becomes of a run whose worker has ended, or that was found at start: the table of
// registry.h carried out.
#include <sys/wait.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <utility>

#include "ipc/lock.h"
#include "ipc/peer.h"
#include "supervisor/burst.h"
#include "supervisor/conductor.h"
#include "supervisor/log.h"
#include "supervisor/orphans.h"
#include "supervisor/run_watcher.h"

namespace charter::supervisor {
namespace {

using Last = ipc::JournalSummary::Last;

constexpr std::chrono::milliseconds kLinger{20};
constexpr std::uint32_t kMaxFailedProjects = 3;
constexpr std::chrono::milliseconds kEndAgain{1000};  // at first
constexpr std::uint32_t kMostVainBursts = 3;
constexpr std::uint32_t kMostFailedReads = 10;

bool ended_well(const Burst& burst) {
  return burst.exit_status && WIFEXITED(*burst.exit_status) && WEXITSTATUS(*burst.exit_status) == 0;
}

bool lock_is_held(int journal) {
  const auto held = ipc::is_locked(journal);
  // What cannot be told counts as held: nothing may be started beside a living worker.
  return !held || *held;
}

}  // namespace

void Conductor::worker_ended(const RunPtr& run, std::optional<int> status) {
  const std::shared_ptr<Burst> burst = run->burst;
  if (burst == nullptr) return;
  burst->guardian_gone = true;
  burst->exit_status = status;
  if (burst->projecting) --projecting_;
  parts_.tailer.read(run);
  if (status && !ended_well(*burst)) {
    log::warning("The worker of run {} ended with {}", run->id, describe_exit(*status));
    end_orphans(burst->guardian ? burst->guardian->pid() : 0);
  }
  settle(run);
  if (burst->projecting) start_projects();
}

// `session`: of a guardian that has just ended.
void Conductor::end_orphans(pid_t session) {
  sweep_orphans(parts_.children,
                {may_have_strange_children(), parts_.layout.journals_dir(), session});
}

Facts Conductor::facts_of(const Run& run) const {
  const Burst& burst = *run.burst;
  Facts facts;
  facts.in_ledger = run.order != 0;
  facts.locked = lock_is_held(burst.journal->get());
  facts.cancel = run.cancellation() != nullptr;
  facts.decision = run.decision() != nullptr;
  facts.silent = burst.guardian_gone && !burst.projecting && run.progress.end == burst.began_at;
  facts.fruitless_starts = run.fruitless_starts;
  facts.resume = run.resume_lost;
  facts.goes_on = run.goes_on;
  facts.stalled_bursts = run.stalled_bursts;
  return facts;
}

bool Conductor::disk_is_short() const { return hooks_.disk_is_short && hooks_.disk_is_short(); }

void Conductor::settle(const RunPtr& run) {
  const Burst& burst = *run->burst;
  Facts facts = facts_of(*run);
  if (facts.locked) {
    // The guardian is gone and its engine is about to be, or an adopted worker lives on.
    if (burst.guardian_gone) wait_for_lock(run);
    return;
  }
  // The engine may have written until the lock was free.
  if (!parts_.tailer.read(run)) return wait_for_reads(run);
  facts.silent = facts.silent && run->progress.end == burst.began_at;
  if (facts.silent) {
    facts.fruitless_starts = ++run->fruitless_starts;
    facts.stalled_bursts = ++run->stalled_bursts;
  }
  // A run that waits, and of which nothing is asked, was only looked into.
  const bool looked = burst.summary.last == Last::paused && run->commands.empty();
  if (burst.projecting && burst.summary.last != Last::terminal && !looked) {
    if (disk_is_short()) {
      retry_soon();
    } else if (run->state != RunState::held && ++run->failed_projects >= kMaxFailedProjects) {
      return end_later(run);
    }
  }
  const Action action = decide(facts, burst.summary);
  const auto& opened = burst.summary.opened;
  const bool this_boot = !opened || opened->boot_id == boot_id_;
  if (leaves_processes(action) && this_boot) {
    end_processes_of({{parts_.layout.journal(run->id), &burst.summary}});
  }
  act(run, action);
}

void Conductor::found(const RunPtr& run, const Facts& facts) {
  live_.insert(run);
  run->delivery.visible = run->started_burst || run->wire != WireStatus::running;
  act(run, decide(facts, run->burst->summary));
}

void Conductor::act(const RunPtr& run, Action action) {
  switch (action) {
    case Action::adopt:
      adopt(run);
      return;
    case Action::kill:
      adopt(run);
      command_accepted(run);
      return;
    case Action::unreachable:
      adopt(run);
      run->state = RunState::unreachable;
      return;
    case Action::finish:
      close_when_durable(run, Burst::Closing::finish);
      return;
    case Action::pause:
      close_when_durable(run, Burst::Closing::pause);
      return;
    case Action::hold:
      hold(run, run->order == 0 ? "the ledger does not know it"
                                : "its journal is missing, damaged or cannot be read");
      return;
    case Action::project_cancel:
      free_slot(*run);
      project(run, run->cancellation(), {});
      return;
    case Action::project_lost:
      free_slot(*run);
      project(run, nullptr, loss_of(*run));
      return;
    case Action::project_starts:
      free_slot(*run);
      project(run, nullptr, "worker died: three times before its first step");
      return;
    case Action::project_stalled:
      free_slot(*run);
      project(run, nullptr, "worker died: three times in a row before a step was finished");
      return;
    case Action::go_on:
      go_on(run);
      return;
    case Action::queue:
    case Action::start_again:
    case Action::repeat_decision:
      break;
  }
  close_burst(run);
  if (action == Action::repeat_decision) {
    run->state = RunState::paused;
    recovering_ ? slots_.add_resume(run) : slots_.return_to_front(run);
  } else if (recovering_) {
    enqueue(run);  // in the order of acceptance
  } else {
    run->state = RunState::queued;
    slots_.return_to_front(run);
  }
  free_slot(*run);
}

// In its old place in the file and on the wire, and behind those that wait for a slot as it does.
void Conductor::go_on(const RunPtr& run) {
  log::warning("Run {} has lost its worker and goes on behind its last finished step", run->id);
  close_burst(run);
  run->goes_on = true;
  run->state = RunState::queued;
  recovering_ ? slots_.add_resume(run) : slots_.return_to_front(run);
  free_slot(*run);
}

// Why a run's worker is gone, when neither engine nor guardian could write it down.
std::string Conductor::loss_of(const Run& run) const {
  const Burst& burst = *run.burst;
  if (burst.summary.exit) return {};  // the journal tells
  if (burst.exit_status && !ended_well(burst)) {
    if (WIFEXITED(*burst.exit_status) && disk_is_short()) return "worker died: the disk is full";
    const int status = *burst.exit_status;
    const bool killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    return "worker died: " + describe_exit(status) + (killed ? ", sender unknown" : "");
  }
  if (burst.summary.opened && burst.summary.opened->boot_id != boot_id_) {
    return "lost: the machine was restarted while the run executed";
  }
  if (burst.adopted || !burst.guardian) {
    return "lost: the worker ended while no daemon watched it";
  }
  return "worker died: it left without a word";
}

void Conductor::adopt(const RunPtr& run) {
  Burst& burst = *run->burst;
  burst.adopted = true;
  burst.begun = BootClock::now();
  run->state = RunState::executing;
  slots_.occupy(*run);
  const auto& opened = burst.summary.opened;
  if (!opened || opened->boot_id != boot_id_ || opened->pid_namespace != ipc::pid_namespace()) {
    return;  // the pulse watches the lock
  }
  ipc::UniqueFd pidfd = ipc::open_process(opened->guardian_pid, opened->guardian_start);
  if (!pidfd) return;
  burst.guardian = std::make_unique<ProcessWatch>(
      parts_.executor, std::move(pidfd), opened->guardian_pid, nullptr,
      [this, weak = std::weak_ptr<Run>(run)](std::optional<int> status) {
        if (const RunPtr alive = weak.lock()) worker_ended(alive, status);
      });
}

void Conductor::wait_for_lock(const RunPtr& run) {
  lingering_.push_back(run);
  if (lingering_.size() > 1) return;
  linger_.expires_after(kLinger);
  linger_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    for (const RunPtr& one : std::exchange(lingering_, {})) {
      if (one->burst != nullptr && one->burst->closing == Burst::Closing::no) settle(one);
    }
  });
}

// What cannot be read may be its end, and nothing is decided without it.
void Conductor::wait_for_reads(const RunPtr& run) {
  settle_later(run, BootClock::now());
  free_slot(*run);
  if (run->burst->failed_reads < kMostFailedReads || run->state == RunState::held) return;
  log::error("Run {} is held until its journal can be read", run->id);
  show_held(run);
}

// Its end could not be written down, several times in a row. What stands in its way may pass; that
// it is held says, too, that the next try is not another failure.
void Conductor::end_later(const RunPtr& run) {
  constexpr std::uint32_t kMostDoublings = 5;
  const auto wait =
      kEndAgain * (1U << std::min(run->failed_projects - kMaxFailedProjects, kMostDoublings));
  settle_later(run, BootClock::now() + wait);
  log::error("Run {} is held until its end can be written down", run->id);
  show_held(run);
}

// The pulse may meet a live one, too: it is listed once.
void Conductor::settle_later(const RunPtr& run, BootClock::time_point due) {
  const auto listed = std::ranges::find(unsettled_, run, &Unsettled::first);
  if (listed == unsettled_.end()) {
    unsettled_.emplace_back(run, due);
  } else {
    listed->second = due;
  }
}

void Conductor::settle_again() {
  const auto now = BootClock::now();
  for (const auto& [run, due] : std::exchange(unsettled_, {})) {
    if (due > now || run->leaving) {
      settle_later(run, due);
    } else if (run->burst != nullptr) {  // it was not forgotten
      settle(run);
    }
  }
}

// The slot is free at once; the state moves when all that was read is durable, because from then
// on it is shown.
void Conductor::close_when_durable(const RunPtr& run, Burst::Closing how) {
  run->burst->closing = how;
  run->state = RunState::ending;
  free_slot(*run);
  if (run->burst->sync_failed) {
    parts_.tailer.sync(run);  // which mends it
    wait_for_disk(run);
  } else if (run->progress.synced_end >= run->progress.end) {
    conclude(run);
    tell_watchers(*run);
  } else {
    parts_.tailer.sync(run);
  }
}

// Nobody writes to its journal any more, and the disk does not take it: the run is held until it
// does.
void Conductor::wait_for_disk(const RunPtr& run) {
  if (run->burst->unreadable) return hold(run, "its journal cannot be made durable");
  if (run->state == RunState::held) return;
  log::error("Run {} is held until its journal can be made durable", run->id);
  show_held(run);
}

void Conductor::conclude(const RunPtr& run) {
  const Burst& burst = *run->burst;
  if (run->progress.synced_end < run->progress.end) return;
  if (burst.closing == Burst::Closing::finish) {
    finish(run);
    return;
  }
  if (burst.summary.pause) {
    paused_watch_.expect(run, *burst.summary.pause);
  } else if (run->waits_by_file()) {
    wait_by_file(run);
  }
  drop_vain_decision(*run);
  close_burst(run);
  run->state = RunState::paused;
  log::info("Run paused: run_id={}", run->id);
  commands_take_effect(run);
}

// A decision whose bursts find the run in another hand, or cannot even begin, would find it so
// again at once, and for ever. One that came while its burst was ending has not been tried yet.
void Conductor::drop_vain_decision(Run& run) {
  const Burst& burst = *run.burst;
  const ipc::Command* decision = run.decision();
  if (decision == nullptr) run.vain_bursts = 0;
  if (decision == nullptr || decision->number != burst.decision) return;
  if (run.progress.end == burst.began_at || ++run.vain_bursts < kMostVainBursts) return;
  run.vain_bursts = 0;
  log::warning("Run {} still waits after three tries; its decision is dropped", run.id);
  const ipc::Command vain = *decision;
  std::erase_if(run.commands, [&](const auto& one) { return one.number == vain.number; });
  done(run, vain, false, "not_paused");
}

void Conductor::finish(const RunPtr& run) {
  const ipc::JournalSummary& summary = run->burst->summary;
  if (const auto status = wire_status(summary.status)) run->wire = *status;
  if (summary.exit && (summary.exit->cause == "killed" || !summary.exit->left.empty())) {
    run->exit = std::make_unique<ipc::Exit>(*summary.exit);
  }
  run->file_late = summary.terminal && summary.terminal->file_late;
  close_burst(run);
  run->state = RunState::finished;
  run->waits_at = PauseKind::none;
  for (const ipc::Command& command : std::exchange(run->commands, {})) {
    done(*run, command, true, "");
  }
  log::info("Run {}: run_id={}", name_of(run->wire), run->id);
  hooks_.finished(run);
}

void Conductor::close_burst(const RunPtr& run) {
  live_.erase(run);
  run->burst.reset();
}

void Conductor::free_slot(Run& run) {
  slots_.release(run);
  fill_slots();
}

void Conductor::hold(const RunPtr& run, const std::string& why) {
  log::error("Run {} is held: {}", run->id, why);
  run->burst.reset();
  show_held(run);
}

// It keeps its burst: what it waits for may still come.
void Conductor::show_held(const RunPtr& run) {
  free_slot(*run);
  live_.erase(run);
  run->state = RunState::held;
  tell_watchers(*run);
}

}  // namespace charter::supervisor
