// Outputs too large for a journal frame, each in a file of its own.
#pragma once

#include <string>
#include <string_view>

#include "ipc/error.h"
#include "ipc/journal_frame.h"

namespace charter::worker {

// From this size on outputs go into a file.
inline constexpr std::size_t kBlobBytes = std::size_t{1} << 20;

// The checkpoint of a finished step, its outputs (JSON) inside or in a durable file of
// `directory`, which is made when first needed. `number` tells the run's files apart.
[[nodiscard]] ipc::Result<ipc::Checkpoint> make_checkpoint(const std::string& directory,
                                                           std::uint64_t number,
                                                           std::string step_id,
                                                           std::string outputs);

}  // namespace charter::worker
