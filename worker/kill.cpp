#include "worker/kill.h"

#include <sys/resource.h>

#include <algorithm>
#include <csignal>
#include <cstdint>

#include "ipc/peer.h"

namespace charter::worker {
namespace {

constexpr std::int64_t kPatienceMs = 2000;  // for processes that were sent KILL
constexpr std::int64_t kBusyMs = 15'000;    // for those that get no processor to end on
// A tree that forks faster than a look takes is never quiet before it is stopped.
constexpr int kLooksForTerm = 3;
constexpr std::int64_t kRoundMs = 20;  // until it is worth looking for new ones

// Each process of the tree costs a descriptor; steps get the limits the worker began with.
void allow_many_descriptors() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

// Reaps for a while; true as soon as nothing is left.
bool gone_within(Reaper& reaper, ProcessTree& tree, bool spares, std::int64_t deadline) {
  for (;;) {
    if (!reaper.reap()) return true;
    if (spares && tree.prune() == 0 && tree.look() == 0) return true;
    if (ipc::boot_ms() >= deadline) return false;
    Reaper::await_child(deadline);
  }
}

}  // namespace

void terminate_tree(ProcessTree::Spare spare, pid_t except) {
  allow_many_descriptors();
  ProcessTree tree(std::move(spare));
  tree.look_until_quiet(0, kLooksForTerm);
  tree.send(SIGTERM, except);
  tree.send(SIGCONT, except);
}

KillOutcome kill_tree(Reaper& reaper, ProcessTree::Spare spare) {
  if (!reaper.reap()) return {};
  allow_many_descriptors();
  const bool spares = static_cast<bool>(spare);
  ProcessTree tree(std::move(spare));
  std::int64_t begun = 0;
  for (;;) {
    tree.look_until_quiet(SIGSTOP);
    tree.send(SIGKILL);
    const std::int64_t now = ipc::boot_ms();
    if (begun == 0) begun = now;
    if (gone_within(reaper, tree, spares, now + kRoundMs)) return {};
    // By the time of this look: while this process got no processor, nobody was looked for.
    const std::int64_t elapsed = now - begun;
    if (elapsed >= kBusyMs || (elapsed >= kPatienceMs && !tree.may_end(kPatienceMs))) break;
    tree.prune();
  }
  std::vector<ipc::LeftProcess> left = tree.living();
  if (left.empty()) left.push_back({0, "?", "cannot be seen in /proc"});
  return {false, std::move(left)};
}

}  // namespace charter::worker
