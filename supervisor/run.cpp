#include "supervisor/run.h"

#include <algorithm>
#include <array>
#include <utility>

#include "supervisor/burst.h"
#include "supervisor/run_watcher.h"

namespace charter::supervisor {
namespace {

constexpr std::array<std::string_view, 8> kStates = {"queued", "starting", "executing",   "paused",
                                                     "ending", "finished", "unreachable", "held"};
constexpr std::array<std::string_view, 5> kStatuses = {"running", "paused", "completed", "failed",
                                                       "cancelled"};

}  // namespace

std::string_view name_of(RunState state) { return kStates.at(static_cast<std::size_t>(state)); }

std::string_view name_of(WireStatus status) {
  return kStatuses.at(static_cast<std::size_t>(status));
}

std::optional<WireStatus> wire_status(std::string_view name) {
  const auto found = std::find(kStatuses.begin(), kStatuses.end(), name);
  if (found == kStatuses.end()) return std::nullopt;
  return static_cast<WireStatus>(found - kStatuses.begin());
}

bool is_terminal(WireStatus status) {
  return status != WireStatus::running && status != WireStatus::paused;
}

Run::Run() = default;
Run::~Run() = default;

void Run::take(const ipc::Accepted& accepted) {
  order = accepted.order;
  workflow_id = accepted.workflow_id;
  workflow_path = accepted.workflow_path;
  started_at = accepted.started_at;
  state_path = accepted.state_file;
  adopted_paused = accepted.adopted_paused;
  project_root = accepted.project_root;
  retry_of = accepted.retry_of;
  sandbox = accepted.sandbox;
  on_lost_said = !accepted.on_lost.empty();
  if (on_lost_said) resume_lost = accepted.on_lost == kResumeLost;
}

ipc::Accepted Run::accepted() const {
  ipc::Accepted record;
  record.run_id = id;
  record.order = order;
  record.workflow_id = workflow_id;
  record.workflow_path = workflow_path;
  record.started_at = started_at;
  record.state = state_bytes;
  record.state_file = state_path;
  record.adopted_paused = adopted_paused;
  record.project_root = project_root;
  record.retry_of = retry_of;
  record.sandbox = sandbox;
  if (on_lost_said) record.on_lost = resume_lost ? kResumeLost : kFailLost;
  return record;
}

ipc::Layout Run::layout(const ipc::Layout& daemon) const {
  return project_root.empty() ? daemon : ipc::Layout(project_root, daemon.data_dir());
}

const ipc::Command* Run::first_command(std::string_view kind) const {
  const auto found = std::find_if(commands.begin(), commands.end(),
                                  [kind](const ipc::Command& one) { return one.kind == kind; });
  return found == commands.end() ? nullptr : &*found;
}

const ipc::Command* Run::cancellation() const {
  const ipc::Command* kill = first_command("kill");
  return kill != nullptr ? kill : first_command("cancel");
}

const ipc::Command* Run::decision() const {
  const auto found = std::find_if(commands.begin(), commands.end(), [this](const auto& one) {
    return one.pause == pauses &&
           (one.kind == "approve" || one.kind == "refuse" || one.kind == "input");
  });
  return found == commands.end() ? nullptr : &*found;
}

namespace {

void forget_gone_watchers(Run& run) {
  std::erase_if(run.watchers, [](const auto& one) { return one.expired(); });
}

}  // namespace

// A run that waits tells nobody anything for days. Those who have looked at it and left go when
// there is no room for another.
void watch(Run& run, std::weak_ptr<RunWatcher> watcher) {
  if (run.watchers.size() == run.watchers.capacity()) forget_gone_watchers(run);
  run.watchers.push_back(std::move(watcher));
}

void tell_watchers(Run& run) {
  if (run.watchers.empty()) return;
  const auto watchers = run.watchers;  // a watcher may end others, or add some
  for (const auto& one : watchers) {
    if (const auto watcher = one.lock()) watcher->moved(run);
  }
  forget_gone_watchers(run);
}

}  // namespace charter::supervisor
