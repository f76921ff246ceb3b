#include "supervisor/doctor/options.h"

#include <vector>

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

}  // namespace charter::supervisor
