// The topics of `help TOPIC` and charter-daemon(7).
#pragma once

#include <span>

#include "ipc/topic.h"

namespace charter::client {

[[nodiscard]] std::span<const ipc::Topic> topics();

}  // namespace charter::client
