#include "supervisor/kill_ladder.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <limits>
#include <memory>

#include "ipc/json_scan.h"
#include "ipc/peer.h"
#include "ipc/unique_fd.h"
#include "supervisor/burst.h"
#include "supervisor/log.h"

namespace charter::supervisor {
namespace {

std::string note_json(const ipc::Command& command) {
  return "{\"note\":" + (command.note ? ipc::quoted(*command.note) : std::string("null")) +
         ",\"uid\":" + std::to_string(command.asker_uid) + "}";
}

// Replaced whole, because the guardian's successor may be reading the one before. Whatever the
// run's own programs have put in its way is not waited for.
ipc::Result<void> write_note(const std::string& path, const std::string& json) {
  const std::string unfinished = path + ".new";
  (void)::unlink(unfinished.c_str());
  const ipc::UniqueFd file(
      ::open(unfinished.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return ipc::errno_error("create " + unfinished);
  if (::write(file.get(), json.data(), json.size()) != static_cast<ssize_t>(json.size()) ||
      ::fdatasync(file.get()) != 0) {
    return ipc::errno_error("write " + unfinished);
  }
  if (::rename(unfinished.c_str(), path.c_str()) != 0) return ipc::errno_error("place " + path);
  return {};
}

}  // namespace

bool KillLadder::end(const RunPtr& run, const ipc::Command& command) {
  if (run->burst == nullptr || run->burst->guardian == nullptr || run->burst->guardian_gone) {
    return false;
  }
  if (run->burst->projecting) return false;
  const auto grace = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(command.grace_ms, std::numeric_limits<std::int32_t>::max()));
  auto result = std::make_shared<ipc::Result<void>>();
  disk_.run([result, path = layout_.kill_note(run->id),
             json = note_json(command)] { *result = write_note(path, json); },
            [this, run, grace, result] {
              if (!*result) log::warning("Run {}: {}", run->id, result->error().message());
              signal(run, grace);
            });
  return true;
}

void KillLadder::signal(const RunPtr& run, std::uint32_t grace_ms) {
  // Not the one that was asked for, if that has died since.
  Burst* burst = run->burst.get();
  if (burst == nullptr || burst->guardian == nullptr || burst->guardian_gone) return;
  if (burst->projecting) return;
  if (auto asked = ipc::request_kill(burst->guardian->pidfd(), grace_ms); !asked) {
    log::warning("Run {}: {}", run->id, asked.error().message());
    return;
  }
  burst->kill_sent = true;
}

}  // namespace charter::supervisor
