#include "client/client.h"

#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <string_view>

#include "client/commands.h"
#include "client/progress.h"

namespace charter::client {
namespace {

struct Entry {
  const ipc::CommandSpec* table;
  Expected<int> (*run)(const ipc::OptionValues&);
};

constexpr std::array kEntries{
    Entry{&kDevTable, dev_command},       Entry{&kRunTable, run_command},
    Entry{&kListTable, list_command},     Entry{&kStatusTable, status_command},
    Entry{&kEventsTable, events_command}, Entry{&kLogsTable, logs_command},
    Entry{&kWaitTable, wait_command},     Entry{&kKillTable, kill_command},
    Entry{&kResumeTable, resume_command}, Entry{&kSubmitTable, submit_command},
    Entry{&kRetryTable, retry_command},   Entry{&kForgetTable, forget_command},
    Entry{&kAdoptTable, adopt_command},   Entry{&kDrainTable, drain_command},
    Entry{&kReloadTable, reload_command}, Entry{&kStopTable, stop_command}};

// What was printed is flushed line by line, so nothing is lost by leaving here.
void leave_interrupted(int) {
  erase_progress_at_once();
  ::_exit(kExitInterrupted);
}

int fail_usage(const ipc::CommandSpec& table, const ipc::Error& error) {
  const std::string hint = ipc::usage_hint(table) + "\n";
  std::fputs(hint.c_str(), stderr);
  complain(error.what);
  return kExitUsage;
}

int run_entry(const Entry& entry, std::span<char* const> arguments) {
  const auto values = ipc::read_options(*entry.table, arguments);
  if (!values) return fail_usage(*entry.table, values.error());
  if (values->help_asked()) {
    print(ipc::help_text(*entry.table));
    return 0;
  }
  const auto code = entry.run(*values);
  if (!code) {
    complain(code.error().message);
    return code.error().exit_code;
  }
  return *code;
}

}  // namespace

std::span<const ipc::CommandSpec* const> client_commands() {
  static constexpr auto kTables = [] {
    std::array<const ipc::CommandSpec*, kEntries.size()> tables{};
    for (std::size_t i = 0; i < tables.size(); ++i) tables[i] = kEntries[i].table;
    return tables;
  }();
  return kTables;
}

int client_main(int argc, char** argv) {
  std::signal(SIGINT, leave_interrupted);
  const std::span<char* const> arguments(argv, static_cast<std::size_t>(argc));
  for (const Entry& entry : kEntries) {
    if (argc < 2 || entry.table->name != arguments[1]) continue;
    const int code = run_entry(entry, arguments.subspan(2));
    if (printed()) return code;
    complain("Standard output could not be written.");
    return kExitOther;
  }
  complain("No such command.");
  return kExitUsage;
}

}  // namespace charter::client
