#include "supervisor/kill_ladder.h"

#include <algorithm>
#include <limits>
#include <memory>

#include "ipc/json_scan.h"
#include "ipc/peer.h"
#include "ipc/text_file.h"
#include "supervisor/burst.h"
#include "supervisor/log.h"

namespace charter::supervisor {
namespace {

std::string note_json(const ipc::Command& command) {
  return "{\"note\":" + (command.note ? ipc::quoted(*command.note) : std::string("null")) +
         ",\"uid\":" + std::to_string(command.asker_uid) + "}";
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
  disk_.run(
      [result, path = layout_.kill_note(run->id), json = note_json(command)] {
        // Whole: the guardian's successor may be reading the one before.
        *result = ipc::replace_text_file(path, json, true);
      },
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
