#include "worker/run_groups.h"

#include "ipc/limit_texts.h"
#include "worker/limits.h"
#include "worker/spawn.h"

namespace charter::worker {
namespace {

// Half of the limit: only an engine that holds more than that is ended before a step is.
constexpr int kOomScore = 500;

}  // namespace

ipc::Result<void> RunGroups::enter(pid_t also) {
  if (auto made = ipc::make_groups(limits_); !made) return made;
  if (also > 0) {
    if (auto moved = ipc::enter_groups(limits_, also); !moved) return moved;
  }
  if (auto moved = ipc::enter_groups(limits_, 0); !moved) return moved;
  StepLimits limits;
  if (limits_.memory > 0) limits.oom_score = kOomScore;
  if (limits_.memory_by_process()) limits.data_bytes = limits_.memory;
  limit_steps(limits, also);
  return {};
}

bool RunGroups::counts() const {
  return !limits_.memory_group.empty() || !limits_.pids_group.empty();
}

void RunGroups::mark() {
  if (counts()) before_ = ipc::count_groups(limits_);
}

std::string RunGroups::explained(const std::string& error, const std::string& whose) const {
  if (!counts()) return error;
  const ipc::GroupCounts now = ipc::count_groups(limits_);
  std::string text;
  if (now.memory_kills > before_.memory_kills) {
    text += ipc::kOutOfMemory + whose + " was ended by the kernel" +
            memory_text(limits_.memory, now.memory_peak) + ": ";
  }
  if (const auto refused = now.pids_refused - before_.pids_refused; refused > 0) {
    text += ipc::kTooManyProcesses + whose + " was refused a new one " + std::to_string(refused) +
            (refused == 1 ? " time" : " times") + ", limit " + std::to_string(limits_.pids) +
            " (run-pids-max): ";
  }
  return text + error;
}

std::string memory_text(std::uint64_t limit, std::uint64_t peak) {
  std::string text = ", limit " + bytes_text(limit);
  if (peak > 0) text += ", peak " + bytes_text(peak);
  return text;
}

}  // namespace charter::worker
