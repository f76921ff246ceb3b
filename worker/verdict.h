// Why a run has ended whose engine did not say, and who asked for it: from the last words of the
// guardian, the note a killer left, and the job.
#pragma once

#include <optional>
#include <string>

#include "ipc/job.h"
#include "ipc/layout.h"
#include "worker/replay.h"

namespace charter::worker {

struct Verdict {
  bool cancelled = false;           // asked for; else it failed, if at all
  std::optional<std::string> note;  // of a cancellation, as the gateway sees it
  std::string reason;               // of a failure, else which kind of cancellation
  bool final = false;               // no further try, even if no step had begun
};

[[nodiscard]] Verdict judge(const ipc::Job& job, const ipc::Layout& layout, const Replay& replay);

// A note with who asked for it: "stop it (by uid 1000)". `uid` below 0: the note as it is.
[[nodiscard]] std::optional<std::string> signed_note(const std::optional<std::string>& note,
                                                     std::int64_t uid);

}  // namespace charter::worker
