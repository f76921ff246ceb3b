#include "worker/stores/state_file.h"

#include <sys/stat.h>

#include <algorithm>

#include "ipc/peer.h"
#include "worker/endings.h"

namespace charter::worker {
namespace {

constexpr std::int64_t kDelayMs = 20;
constexpr std::int64_t kShareOfTime = 10;  // at most one tenth is spent on saving
constexpr std::int64_t kAfterFailureMs = 1000;

}  // namespace

void StateFile::changed() {
  if (due_ == kNever) due_ = std::max(ipc::boot_ms() + kDelayMs, earliest_);
}

void StateFile::save_if_due() {
  if (due_ > ipc::boot_ms()) return;
  if (auto saved = save(); !saved) {
    log_line(saved.error().message());
    due_ = ipc::boot_ms() + kAfterFailureMs;
  }
}

ipc::Result<void> StateFile::save() {
  const std::int64_t begun = ipc::boot_ms();
  auto file = spares_.publish(path_, state_.render(), false);
  if (!file) return file.error();
  const std::int64_t now = ipc::boot_ms();
  earliest_ = now + std::max((now - begun) * kShareOfTime, kDelayMs);
  due_ = kNever;
  return {};
}

ipc::Result<ipc::Pause> StateFile::save_for_pause() {
  const std::string bytes = state_.render();
  auto file = spares_.publish(path_, bytes, true);
  if (!file) return file.error();
  due_ = kNever;
  return identify_file(file->get(), bytes);
}

std::uint64_t content_hash(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char byte : bytes) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= 0x100000001b3U;
  }
  return hash;
}

ipc::Result<ipc::Pause> identify_file(int fd, std::string_view bytes) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return ipc::errno_error("look at the state file");
  ipc::Pause pause;
  pause.state_inode = info.st_ino;
  pause.state_mtime_ns =
      std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + std::int64_t{info.st_mtim.tv_nsec};
  pause.state_size = static_cast<std::uint64_t>(info.st_size);
  pause.state_hash = content_hash(bytes);
  return pause;
}

}  // namespace charter::worker
