#include "supervisor/doctor/doctor.h"

#include <array>
#include <cstdio>
#include <vector>

#include "client/outcome.h"
#include "supervisor/doctor/options.h"
#include "supervisor/doctor/subject.h"

namespace charter::supervisor {
namespace {

using ipc::Example;
using ipc::ExitCode;

constexpr std::array kExamples{
    Example{"charter-daemon doctor", "Looks at the project around the working directory."},
    Example{"charter-daemon doctor --config /etc/charter-daemon/shop.conf --json",
            "Looks at what a service would start with, for a script."}};
constexpr std::array kCodes{ExitCode{0, "nothing has failed; there may be warnings"},
                            ExitCode{1, "a check has failed"}, ExitCode{2, "bad options"},
                            ExitCode{7, "standard output could not be written"}};

}  // namespace

const ipc::CommandSpec& doctor_command() {
  static const ipc::CommandSpec command{
      .name = "doctor",
      .summary = "Say what is wrong and what to do about it",
      .description =
          "Checks, one after the other: the options and the project, what executes runs, the "
          "socket "
          "and the daemon behind it, disk and kernel, and the way to the gateway up to the time it "
          "tells. Each is ok, to look at (warn), or failed, with a remedy.\n\n"
          "It takes the options of 'start', from the same places: called as the daemon is it says "
          "what that meets. It works with the daemon down, changes nothing, and waits for nothing "
          "longer than --connect-timeout. The token is sent to the gateway, as by the daemon, and "
          "never shown.",
      .options = options_of_start_and_json(),
      .examples = kExamples,
      .exit_codes = kCodes};
  return command;
}

int doctor_main(int argc, char** argv) {
  const std::span<char* const> arguments(argv, static_cast<std::size_t>(argc));
  auto read = read_command(doctor_command(), arguments.subspan(2));
  if (const int* code = std::get_if<int>(&read)) return *code;
  auto& values = std::get<ipc::OptionValues>(read);
  const bool json = values.flag("json");
  const Subject subject = look_around(std::move(values), arguments.subspan(2));
  const Report report = examine(subject);
  client::print(json ? report.json() : report.text(client::standard_output()));
  if (!client::printed()) {
    client::complain("Standard output could not be written.");
    return client::kExitOther;
  }
  return report.failed() ? 1 : 0;
}

}  // namespace charter::supervisor
