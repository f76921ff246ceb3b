// What the tables of several commands have in common.
#pragma once

#include <array>

#include "ipc/option_table.h"

namespace charter::client::tables {

using ipc::ArgumentSpec;
using ipc::CommandSpec;
using ipc::Example;
using ipc::ExitCode;
using ipc::OptionKind;
using ipc::OptionSpec;

inline constexpr OptionSpec kProjectPath{.name = "project-path",
                                         .variable = "CHARTER_PROJECT_PATH",
                                         .metavar = "DIRECTORY",
                                         .help = "Project root, the directory with charter.yml.",
                                         .shown_default = "upward from the working directory"};
inline constexpr OptionSpec kSocketPath{.name = "socket-path",
                                        .variable = "CHARTER_DAEMON_SOCKET",
                                        .metavar = "PATH",
                                        .help = "Socket of the daemon; relative to the project.",
                                        .shown_default = ".charter/daemon.sock"};
inline constexpr OptionSpec kJson{
    .name = "json", .help = "Print JSON instead of text.", .kind = OptionKind::flag};

inline constexpr OptionSpec kDataDir{
    .name = "data-dir",
    .variable = "CHARTER_DAEMON_DATA_DIR",
    .metavar = "DIRECTORY",
    .help = "The daemon's --data-dir, for when it does not answer.",
    .shown_default = ".charter/daemon"};

inline constexpr ExitCode kDone{0, "done"};
inline constexpr ExitCode kUsage{2, "bad options, or no project found"};
inline constexpr ExitCode kNobody{3, "no daemon serves the project"};
inline constexpr ExitCode kGone{3, "no daemon serves the project, or none came back in time"};
inline constexpr ExitCode kUnknown{4, "the run is unknown"};
inline constexpr ExitCode kRefused{5, "refused by the daemon, with its reason"};
inline constexpr ExitCode kOther{7, "any other error"};
inline constexpr ExitCode kInterrupted{130, "interrupted; the run goes on"};
inline constexpr ExitCode kLeftOpen{130,
                                    "interrupted, or a question was left open; the run goes on"};

inline constexpr std::array kRun{ArgumentSpec{"RUN", "Id of the run."}};

inline constexpr std::array kPlainOptions{kJson, kProjectPath, kSocketPath};  // of many commands

}  // namespace charter::client::tables
