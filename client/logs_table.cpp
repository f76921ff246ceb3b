// What `logs` takes and says of itself.
#include <array>

#include "client/commands.h"
#include "client/common_options.h"

namespace charter::client {
namespace {

using namespace tables;

constexpr std::array kArguments{
    ipc::ArgumentSpec{.name = "RUN", .help = "Ids of the runs.", .required = true, .many = true}};
constexpr std::array kOptions{
    OptionSpec{.name = "step",
               .metavar = "STEP",
               .help = "Only what was printed in the step with this id.",
               .repeatable = true},
    OptionSpec{.name = "follow",
               .letter = 'f',
               .help = "Go on until the runs have ended.",
               .kind = OptionKind::flag},
    OptionSpec{.name = "since",
               .metavar = "TIME",
               .help =
                   "Only what was printed in this time, as in 15m or 2d, or since 2026-01-31 or "
                   "2026-01-31T12:00:00 (UTC)."},
    OptionSpec{.name = "timestamps",
               .help = "Put time, step and stream before each line.",
               .kind = OptionKind::flag},
    kDataDir,
    kJson,
    kProjectPath,
    kSocketPath};
constexpr std::array kExamples{
    Example{"charter-daemon logs 7d9f… --follow", "Shows what the run prints, as it comes."},
    Example{"charter-daemon logs 7d9f… --step build --timestamps",
            "Shows what one step has printed, and when."},
    Example{"charter-daemon logs 7d9f… 81ac… --since 15m",
            "Shows the last quarter of an hour of two runs, each line with its run."}};
constexpr std::array kCodes{ExitCode{0, "done; with --follow: the runs have ended"}, kUsage,
                            ExitCode{4, "one of the runs is unknown"}, kOther, kInterrupted};

}  // namespace

constexpr ipc::CommandSpec kLogsTable{
    .name = "logs",
    .summary = "Print what the steps of runs print",
    .description =
        "Prints what the steps and integrations of a run have written to standard output and "
        "standard error, in the order in which it came, also after the run's end and while no "
        "daemon is there. Sensitive values are masked. Of each run as much is kept as the "
        "daemon's --run-log-max says; what is missing is told on standard error.\n\n"
        "Elsewhere than on a terminal the bytes are those that were printed; on one, control "
        "characters are escaped. With --timestamps or several runs whole lines are printed, with "
        "what they are of in front.",
    .options = kOptions,
    .arguments = kArguments,
    .examples = kExamples,
    .exit_codes = kCodes};

}  // namespace charter::client
