#include "supervisor/doctor/options.h"

#include <cstdio>
#include <utility>
#include <vector>

#include "client/outcome.h"
#include "supervisor/start_options.h"

namespace charter::supervisor {

std::span<const ipc::OptionSpec> options_of_start_and_json() {
  static const auto all = [] {
    std::vector<ipc::OptionSpec> options{ipc::OptionSpec{
        .name = "json", .help = "Print JSON instead of text.", .kind = ipc::OptionKind::flag}};
    for (ipc::OptionSpec option : start_command().options) {
      if (option.name == "project-path") {
        option.required = false;
        option.shown_default = "upward from the working directory";
      }
      options.push_back(option);
    }
    return options;
  }();
  return all;
}

std::variant<ipc::OptionValues, int> read_command(const ipc::CommandSpec& command,
                                                  std::span<char* const> arguments) {
  auto values = ipc::read_options(command, arguments);
  if (!values) {
    std::fputs((ipc::usage_hint(command) + "\n").c_str(), stderr);
    client::complain(values.error().what);
    return ipc::kExitUsage;
  }
  if (values->help_asked()) {
    client::print(ipc::help_text(command));
    return 0;
  }
  return std::move(*values);
}

}  // namespace charter::supervisor
