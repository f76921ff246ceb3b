// Answers the gateway's question for what a run prints (docs/adr/0031): reads a little of the run's
// log, on the event loop, which is why each answer is small whatever was asked.
#pragma once

#include <cstddef>
#include <cstdint>

#include "ipc/gateway_message.h"
#include "ipc/layout.h"
#include "supervisor/registry.h"

namespace charter::supervisor {

// Bytes of output in one answer, and those that are looked at for it.
inline constexpr std::size_t kMostOutput = std::size_t{64} << 10;
inline constexpr std::size_t kMostLookedAt = std::size_t{256} << 10;
// A longer tail begins where this one does: all of it is read to find that place.
inline constexpr std::uint64_t kLongestTail = std::uint64_t{1} << 20;

// What cannot be told, and why, is the answer's error. Changes nothing.
[[nodiscard]] ipc::wire::Output answer_output(const ipc::Layout& layout, const Registry& registry,
                                              const ipc::wire::ReadOutput& question);

}  // namespace charter::supervisor
