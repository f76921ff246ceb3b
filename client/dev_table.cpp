// What dev takes and says of itself.
#include <array>

#include "client/commands.h"
#include "client/common_options.h"

namespace charter::client {
namespace {

using namespace tables;

// ---------------------------------------------------------------- dev
constexpr std::array<std::string_view, 4> kLogLevels{"debug", "info", "warning", "error"};
constexpr std::array kDevOptions{
    OptionSpec{.name = "open",
               .help = "Open the page in the desktop's browser, logged in.",
               .kind = OptionKind::flag},
    OptionSpec{.name = "port",
               .metavar = "PORT",
               .help = "Port of the page on 127.0.0.1; 0 takes a free one.",
               .kind = OptionKind::integer,
               .shown_default = "8765, or a free one where that is taken"},
    OptionSpec{.name = "log-level",
               .fallback = "warning",
               .help = "Least severity that both log, on standard error.",
               .kind = OptionKind::choice,
               .choices = kLogLevels},
    kJson,
    kProjectPath,
    kSocketPath};
constexpr std::array kDevExamples{
    Example{"charter-daemon dev --open",
            "Serves the project around the working directory and shows its page."},
    Example{"charter-daemon dev --project-path ~/work/site --port 9000",
            "Serves another project, on a port of its own."},
    Example{"charter-daemon run nightly --follow",
            "From another terminal in the project: a run, on the page as well."}};
constexpr std::array kDevCodes{
    ExitCode{0, "ended by Ctrl-C, SIGTERM, SIGHUP or 'charter-daemon stop'"},
    ExitCode{1, "could not start, or a daemon serves the project already"}, kUsage,
    ExitCode{3, "the daemon ended by itself, and the gateway was ended"},
    ExitCode{7, "the gateway ended by itself, and the daemon was ended"}};

}  // namespace

constexpr CommandSpec kDevTable{
    .name = "dev",
    .summary = "Run a gateway with its page and the daemon of this project",
    .description =
        "Runs a gateway on 127.0.0.1 and the project's daemon, connected to it, in the foreground "
        "until Ctrl-C, and says where the page is and where data are kept. When one of the two "
        "ends the other is ended, too; runs that execute go on by themselves, and the next daemon "
        "takes them over.\n\n"
        "The page asks for a token, since other users of this machine reach the port, too. It is "
        "made once for the project, in .charter/dev/token, and --open logs the browser in with it. "
        "Further options of the daemon, like CHARTER_DAEMON_MAX_RUNS, come from the environment.",
    .options = kDevOptions,
    .examples = kDevExamples,
    .exit_codes = kDevCodes};

}  // namespace charter::client
