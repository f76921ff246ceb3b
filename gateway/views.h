// The gateway's rows as the HTTP API shows them.
#pragma once

#include <optional>
#include <string>

#include "gateway/command_table.h"
#include "gateway/daemon_session.h"
#include "gateway/event_table.h"
#include "gateway/run_table.h"
#include "gateway/worker_table.h"

namespace charter::gateway {

// `connected`: whether its daemon is; `waiting`: the event a paused run waits with.
[[nodiscard]] std::string view_of(const RunRow& run, bool connected);
[[nodiscard]] std::string view_of(const RunRow& run, bool connected,
                                  const std::optional<std::string>& waiting);
[[nodiscard]] std::string view_of(const EventRow& event);
[[nodiscard]] std::string view_of(const CommandRow& command);
[[nodiscard]] std::string view_of(const DaemonSession& worker);
[[nodiscard]] std::string view_of(const WorkerRow& absent);

}  // namespace charter::gateway
