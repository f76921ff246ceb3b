#include "supervisor/paused_watch.h"

#include <sys/stat.h>

namespace charter::supervisor {

void PausedWatch::expect(const RunPtr& run, const ipc::Pause& pause) {
  const Identity identity{pause.state_inode, pause.state_mtime_ns, pause.state_size};
  Seen& seen = seen_[run->id];
  seen.run = run;
  // A run that was looked into and waits as before keeps what was seen last, or a file that was
  // only touched would be looked into for ever.
  if (seen.paused_with == identity) return;
  seen.paused_with = identity;
  seen.last = identity;
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
    const auto now = look(*run);
    if (!now || *now == seen.last) continue;
    seen.last = *now;
    found.push_back(run);
  }
  return found;
}

std::optional<PausedWatch::Identity> PausedWatch::look(const Run& run) const {
  struct stat info {};
  if (::stat(run.layout(layout_).state_file(run.id).c_str(), &info) != 0) return std::nullopt;
  return Identity{
      info.st_ino,
      std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + std::int64_t{info.st_mtim.tv_nsec},
      static_cast<std::uint64_t>(info.st_size)};
}

}  // namespace charter::supervisor
