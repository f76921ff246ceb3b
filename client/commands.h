// One table and one function for each command.
#pragma once

#include "client/outcome.h"
#include "ipc/option_table.h"

namespace charter::client {

extern const ipc::CommandSpec kDevTable;
extern const ipc::CommandSpec kRunTable;
extern const ipc::CommandSpec kListTable;
extern const ipc::CommandSpec kStatusTable;
extern const ipc::CommandSpec kEventsTable;
extern const ipc::CommandSpec kLogsTable;
extern const ipc::CommandSpec kKillTable;
extern const ipc::CommandSpec kResumeTable;
extern const ipc::CommandSpec kSubmitTable;
extern const ipc::CommandSpec kWaitTable;
extern const ipc::CommandSpec kRetryTable;
extern const ipc::CommandSpec kForgetTable;
extern const ipc::CommandSpec kAdoptTable;
extern const ipc::CommandSpec kDrainTable;
extern const ipc::CommandSpec kReloadTable;
extern const ipc::CommandSpec kStopTable;

// Each does its command and returns the exit code.
[[nodiscard]] Expected<int> dev_command(const ipc::OptionValues& values);
[[nodiscard]] Expected<int> run_command(const ipc::OptionValues& values);
[[nodiscard]] Expected<int> list_command(const ipc::OptionValues& values);
[[nodiscard]] Expected<int> status_command(const ipc::OptionValues& values);
[[nodiscard]] Expected<int> events_command(const ipc::OptionValues& values);
[[nodiscard]] Expected<int> logs_command(const ipc::OptionValues& values);
[[nodiscard]] Expected<int> kill_command(const ipc::OptionValues& values);
[[nodiscard]] Expected<int> resume_command(const ipc::OptionValues& values);
[[nodiscard]] Expected<int> submit_command(const ipc::OptionValues& values);
[[nodiscard]] Expected<int> wait_command(const ipc::OptionValues& values);
[[nodiscard]] Expected<int> retry_command(const ipc::OptionValues& values);
[[nodiscard]] Expected<int> forget_command(const ipc::OptionValues& values);
[[nodiscard]] Expected<int> adopt_command(const ipc::OptionValues& values);
[[nodiscard]] Expected<int> drain_command(const ipc::OptionValues& values);
[[nodiscard]] Expected<int> reload_command(const ipc::OptionValues& values);
[[nodiscard]] Expected<int> stop_command(const ipc::OptionValues& values);

}  // namespace charter::client
