#include "supervisor/recovery.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include "ipc/lock.h"
#include "ipc/open_directory.h"
#include "ipc/regular_file.h"
#include "supervisor/burst.h"
#include "supervisor/freed_memory.h"
#include "supervisor/log.h"
#include "supervisor/orphans.h"
#include "supervisor/run_files.h"
#include "supervisor/sync_mark.h"
#include "supervisor/tailer.h"

namespace charter::supervisor {
namespace {

constexpr std::string_view kJournalSuffix = ".cj";

FinishedRun finished_run(const ipc::Accepted& accepted, const LedgerRun& known) {
  FinishedRun finished;
  finished.id = accepted.run_id;
  finished.workflow_id = accepted.workflow_id;
  finished.workflow_path = accepted.workflow_path;
  finished.started_at = accepted.started_at;
  finished.order = accepted.order;
  finished.retry_of = accepted.retry_of;
  finished.sandbox = accepted.sandbox;
  if (known.cursor) finished.events = known.cursor->seq;
  finished.wire = wire_status(known.closed->status).value_or(WireStatus::completed);
  for (const ipc::Command& command : known.commands) {
    if (command.command_id.empty()) continue;
    AnsweredCommand answer{command.number, command.command_id, command.kind, true, {}, {}};
    if (const ipc::CommandDone* outcome = known.outcome_of(command.number)) {
      answer.ok = outcome->ok;
      answer.code = outcome->code;
      answer.message = outcome->message;
    }
    finished.answered.push_back(std::move(answer));
  }
  return finished;
}

// The runs of all journals that somebody was ever told of.
ipc::Result<std::vector<std::string>> runs_with_journals(const ipc::Layout& layout) {
  auto names = ipc::names_in(layout.journals_dir());
  if (!names) return names.error();
  std::vector<std::string> runs;
  for (std::string& id : *names) {
    if (!id.ends_with(kJournalSuffix)) continue;
    id.resize(id.size() - kJournalSuffix.size());
    struct stat info = {};
    if (!ipc::valid_run_id(id) || ::stat(layout.journal(id).c_str(), &info) != 0) continue;
    if (static_cast<std::uint64_t>(info.st_size) > ipc::kLogHeaderSize) runs.push_back(id);
  }
  return runs;
}

}  // namespace

ipc::Result<bool> Recovery::journals_left(const ipc::Layout& layout) {
  const auto runs = runs_with_journals(layout);
  if (!runs) return runs.error();
  return !runs->empty();
}

// Killed while a sync failed, the daemon before could not say so.
ipc::Result<void> Recovery::take_marks() const {
  const auto marked = SyncMark::left(layout_.journals_mark());
  if (!marked) return marked.error();
  std::istringstream names(*marked);
  for (std::string id; std::getline(names, id);) {
    if (!ipc::valid_run_id(id)) continue;
    const auto file = ipc::open_regular(layout_.journal(id), O_RDONLY);
    if (file) ipc::put_in_doubt(file->get());
  }
  return {};
}

ipc::Result<void> Recovery::read(LedgerState state, bool all_journals) {
  if (auto taken = take_marks(); !taken) return taken.error();
  std::vector<std::pair<std::uint64_t, std::string>> order;
  for (const auto& [id, run] : state.runs) {
    if (run.closed && run.closed->delivered) closed_.insert(id);
    if (run.accepted) order.emplace_back(run.accepted->order, id);
  }
  std::sort(order.begin(), order.end());
  for (const auto& [number, id] : order) take_run(id, state.runs[id]);
  std::unordered_map<std::string, LedgerRun> rest;
  for (auto& [id, run] : state.runs) {
    if (all_journals && !run.accepted) rest.emplace(id, std::move(run));
  }
  // The ledger's memory is given back as a whole: no run keeps a piece of it.
  state = {};
  give_back_freed_memory();
  ipc::Result<void> taken;
  if (all_journals) taken = take_unknown_journals(std::move(rest));
  syncs_.finish();
  return taken;
}

void Recovery::take_run(const std::string& id, LedgerRun& known) {
  const ipc::Accepted& accepted = *known.accepted;
  if (known.closed && known.closed->delivered) {
    registry_.remember(finished_run(accepted, known));
    return;
  }
  const RunPtr run = registry_.add(id);
  run->take(accepted);
  take_files(run, known);
  if (!run->started_burst) run->state_bytes = accepted.state;  // else the journal has it
}

// What the journal says of it, and what the ledger knows besides its acceptance.
void Recovery::take_files(const RunPtr& run, LedgerRun& known) {
  take_commands(*run, known);
  Facts facts;
  facts.in_ledger = known.accepted.has_value();
  facts.spawned = known.spawned.has_value();
  if (known.cursor) facts.delivered_to = known.cursor->offset;
  take_journal(run, facts);
  take_cursor(*run, known);
  if (run->burst != nullptr && known.spawned) run->burst->secret = known.spawned->secret;
}

void Recovery::take_commands(Run& run, LedgerRun& known) const {
  for (ipc::Command& command : known.commands) {
    const ipc::CommandDone* const outcome = known.outcome_of(command.number);
    if (outcome == nullptr) {
      run.commands.push_back(std::move(command));
    } else if (!command.command_id.empty()) {
      run.answered.push_back({command.number, command.command_id, command.kind, outcome->ok,
                              outcome->code, outcome->message});
    }
  }
}

// A cursor of another gateway says what was delivered there. A new gateway gets what was not, and
// of active runs everything.
void Recovery::take_cursor(Run& run, const LedgerRun& known) const {
  if (!known.cursor) return;
  if (known.cursor->gateway != gateway_ && !is_terminal(run.wire)) return;
  Delivery& delivery = run.delivery;
  delivery.confirmed_seq = known.cursor->seq;
  delivery.confirmed_offset = std::max<std::uint64_t>(known.cursor->offset, ipc::kLogHeaderSize);
  delivery.first_unsent = delivery.confirmed_seq;
  // Events behind the journal's end went down with a disk that lied; their numbers stay used.
  run.progress.next_seq = std::max(run.progress.next_seq, delivery.confirmed_seq);
}

void Recovery::take_journal(const RunPtr& run, Facts facts) {
  const std::string path = layout_.journal(run->id);
  facts.cancel = run->cancellation() != nullptr;
  auto file = std::make_shared<ipc::UniqueFd>(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  const bool begun = facts.spawned || facts.delivered_to > ipc::kLogHeaderSize;
  if (!*file && (errno != ENOENT || begun)) {
    // What cannot be opened may have begun, and what is gone has: neither must look like a run that
    // has not.
    log::error("Run {}: its journal cannot be opened: {}", run->id, std::strerror(errno));
    facts.damaged = true;
    run->burst = std::make_shared<Burst>(file, ipc::kLogHeaderSize);
    found_.push_back({run, facts});
    return;
  }
  ipc::Result<void> header;
  if (*file) header = ipc::check_log_header(file->get(), ipc::LogKind::journal);
  // Without a header it was created and then power was lost, before anything of it was promised.
  const bool unborn = !header && header.error().code == std::errc::no_message_available;
  facts.has_journal = *file && (!unborn || facts.delivered_to > ipc::kLogHeaderSize);
  if (!facts.has_journal) {
    found_.push_back({run, facts});
    return;
  }
  auto burst = std::make_shared<Burst>(file, ipc::kLogHeaderSize);
  facts.damaged = !header;
  const auto locked = ipc::is_locked(file->get());
  facts.locked = !locked || *locked;
  if (!header) {
    log::error("Run {}: {}", run->id, header.error().message());
  } else if (auto read = read_whole(*file, *run, burst->summary, facts); !read) {
    log::error("Run {}: {}", run->id, read.error().message());
    facts.damaged = true;
  } else if (burst->summary.damaged) {
    log::warning("The journal of run {} is damaged; what can be read of it is kept", run->id);
  }
  if (facts.locked) burst->sync_failed = ipc::in_doubt(file->get());
  if (run->adopted_paused && burst->summary.frames == 0) {
    // Also when its file says otherwise by now, or is gone: what is accepted of it is a decision at
    // most. At what it waits is read when it is found to.
    burst->summary.last = ipc::JournalSummary::Last::paused;
    run->wire = WireStatus::paused;
    run->waits_at = PauseKind::gate;
  }
  facts.decision = run->decision() != nullptr;
  facts.fruitless_starts = run->fruitless_starts;
  facts.resume = run->resume_lost;
  facts.stalled_bursts = run->stalled_bursts;
  run->journal_named = burst->summary.frames > 0;  // or no worker would have begun
  burst->reader = ipc::LogReader(file->get(), run->progress.end);
  burst->began_at = run->progress.end;
  run->burst = std::move(burst);
  found_.push_back({run, facts});
  if (!facts.locked) make_durable(run, decide(facts, run->burst->summary));
}

// A durable journal of a run that only waits is not looked at again, and there may be more of them
// than descriptors.
void Recovery::make_durable(const RunPtr& run, Action action) {
  const bool waits = action == Action::pause || action == Action::hold;
  const auto synced = [run, waits, next_seq = run->progress.next_seq](const auto& result) {
    if (!result) {
      log::error("Run {}: {}", run->id, result.error().message());
      run->burst->sync_failed = true;
      return;
    }
    run->progress.synced_end = run->progress.end;
    run->progress.synced_seq = next_seq;
    if (waits) run->burst->journal->reset();
  };
  syncs_.add(run->id, run->burst->journal, run->progress.end, synced);
}

// A hole that a loss of power has left lies behind everything that was promised. What follows it is
// cut off, or the run's events would have a gap.
ipc::Result<void> Recovery::read_whole(const ipc::UniqueFd& file, Run& run,
                                       ipc::JournalSummary& summary, const Facts& facts) const {
  const auto is_loss_of_power = [&](const ipc::FramePlace& hole,
                                    const ipc::JournalSummary& before) {
    if (facts.locked || hole.offset < facts.delivered_to) return false;
    return !before.opened || before.opened->boot_id != boot_id_;
  };
  auto cut = read_journal(file.get(), run, summary, is_loss_of_power);
  if (!cut) return cut.error();
  if (!*cut) return {};
  log::warning("The journal of run {} ends at byte {}: what follows was never synced", run.id,
               run.progress.end);
  auto writer = ipc::LogWriter::open(file.get(), run.progress.end);
  if (!writer) return writer.error();
  return {};
}

ipc::Result<void> Recovery::take_unknown_journals(
    std::unordered_map<std::string, LedgerRun> known) {
  const auto runs = runs_with_journals(layout_);
  if (!runs) return runs.error();
  for (const std::string& id : *runs) {
    if (closed_.contains(id) || registry_.find(id) != nullptr) continue;
    const RunPtr run = registry_.add(id);
    run->project_root = nested_project(layout_, id);
    take_files(run, known[id]);
    run->started_at = ipc::wire_time(run->updated_us);
    // Of a worker that did not say it may be in one, and what is stays in it.
    const bool told = run->burst != nullptr && run->burst->summary.opened;
    run->sandbox = !told || !run->burst->summary.opened->bare;
    log::warning("The ledger does not know run {}, which has a journal", id);
  }
  return {};
}

// What carries the mark of a copy's run may belong to the original: not while the daemon holds.
void Recovery::end_processes(const std::vector<Found>& runs) const {
  DeadRuns dead;
  for (const Found& one : runs) {
    if (one.run->burst == nullptr) continue;
    // Nothing of an earlier boot is alive.
    const ipc::JournalSummary& summary = one.run->burst->summary;
    const bool this_boot = !summary.opened || summary.opened->boot_id == boot_id_;
    if (this_boot && leaves_processes(decide(one.facts, summary))) {
      dead.emplace(layout_.journal(one.run->id), &summary);
    }
  }
  if (const std::size_t ended = end_processes_of(dead); ended > 0) {
    log::info("Ended {} processes of runs whose workers are gone", ended);
  }
}

void Recovery::found(Conductor& conductor, const Found& one) {
  const std::shared_ptr<Burst> burst = one.run->burst;
  conductor.found(one.run, one.facts);
  // In a journal without a single frame nothing was promised.
  if (one.facts.in_ledger || (burst->summary.frames == 0 && !one.facts.damaged)) return;
  const bool held = one.run->state == RunState::held && one.run->burst == nullptr;
  unknown_.push_back({one.run, one.facts, held && !one.facts.damaged ? burst : nullptr});
}

void Recovery::act(Conductor& conductor) {
  if (!conductor.holding()) end_processes(found_);
  for (const Found& one : found_) {
    if (one.run->burst != nullptr) {
      found(conductor, one);
    } else if (one.facts.in_ledger) {
      conductor.enqueue(one.run);
      if (one.facts.cancel) conductor.command_accepted(one.run);
    } else {
      one.run->state = RunState::held;
    }
  }
  found_.clear();
  conductor.recovered();
}

std::vector<ipc::LedgerRecord> Recovery::accept_unknown(
    const std::function<std::uint64_t()>& next_order) {
  std::vector<ipc::LedgerRecord> records;
  for (const Found& one : unknown_) {
    if (registry_.find(one.run->id) != one.run) continue;  // forgotten, or over and delivered
    one.run->order = next_order();
    one.run->started_burst = true;  // whatever can be read of it: it never begins anew
    append_records(*one.run, gateway_, records);
  }
  return records;
}

void Recovery::act_on_unknown(Conductor& conductor) {
  std::vector<Found> held;
  for (Found& one : std::exchange(unknown_, {})) {
    const bool lives =
        one.run->state == RunState::unreachable || one.run->state == RunState::executing;
    if (lives && one.run->cancellation() != nullptr) conductor.command_accepted(one.run);
    const bool waits = one.burst != nullptr && one.run->burst == nullptr &&
                       one.run->state == RunState::held && registry_.find(one.run->id) == one.run;
    if (!waits) continue;
    ipc::UniqueFd& journal = *one.burst->journal;
    if (!journal) journal.reset(::open(layout_.journal(one.run->id).c_str(), O_RDWR | O_CLOEXEC));
    if (!journal) {
      log::error("Run {}: its journal cannot be opened: {}", one.run->id, std::strerror(errno));
      continue;  // the next start decides
    }
    one.burst->reader = ipc::LogReader(journal.get(), one.run->progress.end);
    one.run->burst = std::move(one.burst);
    one.facts.in_ledger = true;
    held.push_back(std::move(one));
  }
  end_processes(held);
  for (const Found& one : held) conductor.found(one.run, one.facts);
}

}  // namespace charter::supervisor
