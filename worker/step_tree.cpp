#include "worker/step_tree.h"

#include <cstdint>

#include "ipc/peer.h"
#include "worker/endings.h"
#include "worker/kill.h"

namespace charter::worker {
namespace {

constexpr std::int64_t kGraceMs = 1000;
constexpr std::int64_t kLookMs = 20;  // between looks for processes that have not ended

bool all_gone(Reaper& reaper, const ProcessTree::Spare& spare) {
  if (!reaper.reap()) return true;
  if (!spare) return false;
  ProcessTree tree(spare);
  return tree.look() == 0;
}

}  // namespace

void end_tree(Attention& attention, Reaper& reaper, ProcessTree::Spare spare,
              std::span<pollfd> pipes) {
  if (all_gone(reaper, spare)) return;
  terminate_tree(spare);
  const std::int64_t give_up = ipc::boot_ms() + kGraceMs;
  while (ipc::boot_ms() < give_up) {
    (void)attention.wait(pipes, std::min(give_up, ipc::boot_ms() + kLookMs));
    attention.empty(pipes);
    if (all_gone(reaper, spare)) return;
  }
  for (const auto& left : kill_tree(reaper, std::move(spare)).left) {
    log_line("process " + std::to_string(left.pid) + " (" + left.name +
             ") is left: " + left.reason);
  }
}

}  // namespace charter::worker
