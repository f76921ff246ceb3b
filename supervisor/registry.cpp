#include "supervisor/registry.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "supervisor/burst.h"

namespace charter::supervisor {
namespace {

// What cannot be looked at may be there.
bool exists(const std::string& path) {
  struct stat info = {};
  return ::lstat(path.c_str(), &info) == 0 || errno != ENOENT;
}

// A journal without a single frame that no ledger record speaks of was made for a request that
// was never answered.
bool is_unused_journal(const std::string& path) {
  struct stat info = {};
  return ::lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         static_cast<std::uint64_t>(info.st_size) <= ipc::kLogHeaderSize;
}

ipc::LedgerRecord accepted_record(const Run& run) { return {run.updated_us, run.accepted()}; }

// A command that is done matters only for its id; its number is not needed any more.
void append_answers(const std::string& run_id, std::int64_t at_us,
                    const std::vector<AnsweredCommand>& answered,
                    std::vector<ipc::LedgerRecord>& records) {
  for (const AnsweredCommand& answer : answered) {
    ipc::Command command;
    command.run_id = run_id;
    command.command_id = answer.command_id;
    command.number = answer.number;
    command.kind = answer.kind;
    records.push_back({at_us, std::move(command)});
    records.push_back(
        {at_us, ipc::CommandDone{run_id, answer.number, answer.ok, answer.code, answer.message}});
  }
}

void append_finished(const FinishedRun& run, std::string_view gateway,
                     std::vector<ipc::LedgerRecord>& records) {
  ipc::Accepted accepted;
  accepted.run_id = run.id;
  accepted.order = run.order;
  accepted.workflow_id = run.workflow_id;
  accepted.workflow_path = run.workflow_path;
  accepted.started_at = run.started_at;
  accepted.retry_of = run.retry_of;
  accepted.sandbox = run.sandbox;
  records.push_back({run.updated_us, std::move(accepted)});
  append_answers(run.id, run.updated_us, run.answered, records);
  records.push_back({run.updated_us, ipc::Cursor{std::string(gateway), run.id, run.events, 0}});
  records.push_back({run.updated_us, ipc::Closed{run.id, std::string(name_of(run.wire)), true}});
}

}  // namespace

void append_records(const Run& run, std::string_view gateway,
                    std::vector<ipc::LedgerRecord>& records) {
  if (run.order != 0) records.push_back(accepted_record(run));
  for (const ipc::Command& command : run.commands) records.push_back({run.updated_us, command});
  append_answers(run.id, run.updated_us, run.answered, records);
  if (run.burst != nullptr && !run.burst->secret.empty()) {
    const pid_t pid = run.burst->guardian ? run.burst->guardian->pid() : 0;
    records.push_back(
        {run.updated_us, ipc::Spawned{run.id, run.burst->number, pid, 0, run.burst->secret}});
  } else if (run.started_burst) {
    // Were its journal gone one day, it would look as if it had never begun.
    records.push_back({run.updated_us, ipc::Spawned{run.id, run.bursts, 0, 0, {}}});
  }
  if (run.delivery.confirmed_seq > 0) {
    records.push_back(
        {run.updated_us, ipc::Cursor{std::string(gateway), run.id, run.delivery.confirmed_seq,
                                     run.delivery.confirmed_offset}});
  }
}

RunPtr Registry::find(std::string_view id) const {
  const auto found = runs_.find(id);
  return found == runs_.end() ? nullptr : found->second;
}

const FinishedRun* Registry::find_finished(std::string_view id) const {
  const auto found = std::find_if(finished_.rbegin(), finished_.rend(),
                                  [id](const FinishedRun& run) { return run.id == id; });
  return found == finished_.rend() ? nullptr : &*found;
}

RunPtr Registry::add(std::string id) {
  auto run = std::make_shared<Run>();
  run->id = id;
  run->resume_lost = resume_lost_;
  reserved_.erase(id);
  runs_.insert_or_assign(std::move(id), run);
  return run;
}

void Registry::retire(const RunPtr& run) {
  FinishedRun finished{
      run->id,       run->workflow_id, run->workflow_path,     run->started_at, run->step,
      run->error,    run->order,       run->progress.next_seq, run->updated_us, run->wire,
      run->retry_of, run->sandbox,     run->answered};
  // One whose effect the end overtook was accepted all the same.
  for (const ipc::Command& command : run->commands) {
    if (command.command_id.empty()) continue;
    finished.answered.push_back({command.number, command.command_id, command.kind, true, {}, {}});
  }
  runs_.erase(run->id);
  remember(std::move(finished));
}

void Registry::remember(FinishedRun finished) {
  auto& answered = finished.answered;
  if (answered.size() > kKeptAnswers) {
    answered.erase(answered.begin(), answered.end() - std::ptrdiff_t{kKeptAnswers});
  }
  finished_.push_back(std::move(finished));
  if (finished_.size() > kKeptFinished) finished_.pop_front();
}

void Registry::add_answer(const RunPtr& run, AnsweredCommand answer) {
  const auto retired = std::find_if(finished_.rbegin(), finished_.rend(),
                                    [&](const FinishedRun& one) { return one.id == run->id; });
  auto& answered = retired == finished_.rend() ? run->answered : retired->answered;
  answered.push_back(std::move(answer));
}

Registry::Forgotten Registry::forget(const std::string& id) {
  Forgotten forgotten;
  if (const RunPtr run = find(id)) {
    forgotten.run = run;
    forgotten.delivery = run->delivery;
    run->forgotten = true;
    run->leaving = true;
    run->delivery.visible = false;
    run->delivery.announce = false;
    run->delivery.queue = RelayQueue::none;
    run->delivery.sent_seq = run->progress.next_seq;
    runs_.erase(id);
  }
  if (const FinishedRun* finished = find_finished(id)) forgotten.finished = *finished;
  std::erase_if(finished_, [&id](const FinishedRun& run) { return run.id == id; });
  if (forgotten.run || forgotten.finished) leaving_.insert_or_assign(id, forgotten);
  return forgotten;
}

void Registry::forgotten(const std::string& id) {
  const auto gone = leaving_.extract(id);
  if (!gone.empty() && gone.mapped().run) gone.mapped().run->leaving = false;
}

void Registry::put_back(Forgotten forgotten) {
  if (forgotten.run) leaving_.erase(forgotten.run->id);
  if (forgotten.finished) leaving_.erase(forgotten.finished->id);
  if (forgotten.run) {
    forgotten.run->forgotten = false;
    forgotten.run->leaving = false;
    forgotten.run->delivery = forgotten.delivery;
    forgotten.run->delivery.queue = RelayQueue::none;
    forgotten.run->delivery.announce = false;
    runs_.insert_or_assign(forgotten.run->id, forgotten.run);
  }
  if (forgotten.finished) remember(std::move(*forgotten.finished));
}

Registry::IdUse Registry::use_of(const std::string& id) const {
  if (reserved_.contains(id)) return IdUse::active;
  if (const auto found = runs_.find(id); found != runs_.end()) {
    return found->second->state == RunState::finished ? IdUse::used_before : IdUse::active;
  }
  if (has_state_file(layout_, id)) return IdUse::used_before;
  drop_unused_journal(id);
  return exists(layout_.journal(id)) ? IdUse::used_before : IdUse::free;
}

void Registry::drop_unused_journal(const std::string& id) const {
  const std::string journal = layout_.journal(id);
  if (runs_.contains(id) || find_finished(id) != nullptr || !is_unused_journal(journal)) return;
  ::unlink(journal.c_str());
}

bool Registry::has_used_journal(const ipc::Layout& layout, const std::string& id) {
  const std::string journal = layout.journal(id);
  return exists(journal) && !is_unused_journal(journal);
}

bool Registry::has_state_file(const ipc::Layout& layout, const std::string& id) {
  return exists(layout.state_file(id));
}

std::vector<RunPtr> Registry::in_order() const {
  std::vector<RunPtr> runs;
  runs.reserve(runs_.size());
  for (const auto& [id, run] : runs_) runs.push_back(run);
  std::sort(runs.begin(), runs.end(),
            [](const RunPtr& one, const RunPtr& other) { return one->order < other->order; });
  return runs;
}

void Registry::each(const std::function<void(const RunPtr&)>& visit) const {
  for (const auto& [id, run] : runs_) visit(run);
}

Registry::Counts Registry::counts() const {
  Counts counts;
  for (const auto& [id, run] : runs_) {
    switch (run->state) {
      case RunState::queued:
        ++counts.queued;
        break;
      case RunState::starting:
      case RunState::executing:
      case RunState::ending:
        ++counts.executing;
        break;
      case RunState::paused:
        ++counts.paused;
        break;
      case RunState::unreachable:
        ++counts.unreachable;
        break;
      case RunState::held:
        ++counts.held;
        break;
      case RunState::finished:
        ++counts.finished_undelivered;
        break;
    }
    if (run->progress.next_seq > run->delivery.confirmed_seq) {
      counts.undelivered_events += run->progress.next_seq - run->delivery.confirmed_seq;
      ++counts.undelivered_runs;
    }
  }
  return counts;
}

std::vector<ipc::LedgerRecord> Registry::snapshot(std::string_view gateway) const {
  std::vector<ipc::LedgerRecord> records;
  for (const FinishedRun& run : finished_) append_finished(run, gateway, records);
  for (const auto& [id, leaving] : leaving_) {
    if (leaving.finished) append_finished(*leaving.finished, gateway, records);
    if (leaving.run) append_records(*leaving.run, gateway, records);
  }
  for (const RunPtr& run : in_order()) append_records(*run, gateway, records);
  return records;
}

}  // namespace charter::supervisor
