// What the checks look at, found once.
#pragma once

#include <optional>
#include <string>

#include "client/control.h"
#include "ipc/layout.h"
#include "ipc/option_table.h"
#include "supervisor/doctor/report.h"
#include "supervisor/start_options.h"

namespace charter::supervisor {

struct Subject {
  ipc::OptionValues values;              // of `start`, as doctor was told them
  std::optional<client::Target> target;  // nothing: no project was found
  std::optional<ipc::Layout> layout;     // of the project
  std::optional<StartOptions> options;   // checked; nothing when a start would be refused
  std::string complaint;                 // why it would, or why there is no project
  std::optional<client::Fields> ping;    // the running daemon's answers; nothing: none answers
  std::optional<client::Fields> status;
  std::string no_answer;  // why none does, for people
};

// `arguments` are those of doctor, behind its name, read as `values` already. Asks the daemon, two
// seconds at most. Takes the gateway token out of the environment, as a start does.
[[nodiscard]] Subject look_around(ipc::OptionValues values, std::span<char* const> arguments);

// What to do where limits want a control group that the daemon may not use.
inline constexpr const char* kDelegate =
    "delegate a control group to the daemon; from systemd 254 on a drop-in does: "
    "docs/OPERATING.md, Limits";

// Each adds its lines to the report and blocks no longer than its deadlines.
void check_project(const Subject& subject, Report& report);
void check_daemon(const Subject& subject, Report& report);
void check_host(const Subject& subject, Report& report);
void check_gateway(const Subject& subject, Report& report);

// All of them.
[[nodiscard]] Report examine(const Subject& subject);

}  // namespace charter::supervisor
