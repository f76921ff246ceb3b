#include "supervisor/paused_watch.h"

namespace charter::supervisor {

void PausedWatch::expect(const RunPtr& run, const ipc::Pause& pause) {
  const FileIdentity identity{pause.state_inode, pause.state_mtime_ns, pause.state_size};
  Seen& seen = seen_[run->id];
  seen.run = run;
  // A run that was looked into and waits as before keeps what was seen last, or a file that was
  // only touched would be looked into for ever.
  if (seen.paused_with == identity) return;
  seen.paused_with = identity;
  seen.last = identity;
}

void PausedWatch::expect(const RunPtr& run, const PausedState* state) {
  Seen& seen = seen_[run->id];
  if (seen.run.lock() == run) return;
  const FileIdentity identity = state != nullptr ? state->file : FileIdentity{};
  seen = {run, identity, identity};
}

std::vector<RunPtr> PausedWatch::changed() {
  std::vector<RunPtr> found;
  for (auto at = seen_.begin(); at != seen_.end();) {
    const RunPtr run = at->second.run.lock();
    if (run == nullptr || run->state == RunState::finished) {
      at = seen_.erase(at);
      continue;
    }
    Seen& seen = at->second;
    ++at;
    if (run->state != RunState::paused) continue;
    // Without a file nothing can be told of the run, either.
    const auto now = identity_of(run->layout(layout_).state_file(run->id));
    if (!now || *now == seen.last) continue;
    seen.last = *now;
    found.push_back(run);
  }
  return found;
}

}  // namespace charter::supervisor
