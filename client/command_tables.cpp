// What the commands of the client take and say of themselves.
#include <array>

#include "client/commands.h"
#include "client/common_options.h"

namespace charter::client {
namespace {

using namespace tables;

constexpr OptionSpec kRunId{.name = "run-id",
                            .metavar = "ID",
                            .help = "Id for the run; one id names one run for ever.",
                            .shown_default = "a new UUID"};
constexpr std::array<std::string_view, 2> kLostChoices{"fail", "resume"};
constexpr OptionSpec kOnLost{
    .name = "on-lost",
    .help =
        "What becomes of the run when its worker is lost by a crash or with the machine: it "
        "fails, or it goes on behind its last finished step, and the interrupted step is done "
        "again.",
    .kind = OptionKind::choice,
    .shown_default = "the daemon's --on-lost",
    .choices = kLostChoices};
constexpr OptionSpec kWait{
    .name = "wait", .help = "Wait until the run has ended.", .kind = OptionKind::flag};
constexpr OptionSpec kFollow{.name = "follow",
                             .letter = 'f',
                             .help =
                                 "Print the run's events until it has ended, and its outputs; "
                                 "on a terminal with a line that says how it stands.",
                             .kind = OptionKind::flag};

// ---------------------------------------------------------------- run
constexpr std::array kRunArguments{ArgumentSpec{"WORKFLOW", "Id of the workflow."}};
constexpr std::array<std::string_view, 1> kSandboxes{"project"};
constexpr std::array kRunOptions{
    OptionSpec{.name = "var",
               .metavar = "KEY=VALUE",
               .help = "An input of the workflow, read as 'charter run' reads it.",
               .repeatable = true},
    kRunId,
    kOnLost,
    OptionSpec{.name = "sandbox",
               .help = "Keeps the run's steps in the project even where the daemon's --sandbox is "
                       "none; sudo does not work in them.",
               .kind = OptionKind::choice,
               .choices = kSandboxes},
    kWait,
    kFollow,
    kJson,
    kProjectPath,
    kSocketPath};
constexpr std::array kRunExamples{
    Example{"charter-daemon run nightly --var days=7",
            "Starts the workflow and prints the run's id."},
    Example{"charter-daemon run nightly --follow",
            "Starts it, shows its events, and ends as the run ends."}};
constexpr std::array kRunCodes{ExitCode{0, "started; with --wait or --follow: completed"},
                               ExitCode{1, "the awaited run failed or was cancelled"},
                               kUsage,
                               kGone,
                               kRefused,
                               kOther,
                               kLeftOpen};

// ---------------------------------------------------------------- retry
constexpr std::array kRetryOptions{kRunId, kOnLost,      kWait,      kFollow,
                                   kJson,  kProjectPath, kSocketPath};
constexpr std::array kRetryExamples{
    Example{"charter-daemon retry 7d9f… --follow",
            "Goes on where the run failed, and shows what happens."}};
constexpr std::array kRetryCodes{ExitCode{0, "started; with --wait or --follow: completed"},
                                 ExitCode{1, "the awaited run failed or was cancelled"},
                                 kUsage,
                                 kGone,
                                 kUnknown,
                                 kRefused,
                                 kOther,
                                 kLeftOpen};

// ---------------------------------------------------------------- list, status
constexpr std::array<std::string_view, 15> kStandings{
    "active",  "completed", "failed", "cancelled", "paused",      "queued", "pending",  "starting",
    "running", "executing", "ending", "finished",  "unreachable", "held",   "untracked"};
constexpr std::array kListOptions{
    OptionSpec{.name = "status",
               .help = "Only runs whose state or status is this; 'active' are all that are not "
                       "over.",
               .kind = OptionKind::choice,
               .repeatable = true,
               .choices = kStandings},
    OptionSpec{.name = "workflow",
               .metavar = "WORKFLOW",
               .help = "Only runs of this workflow.",
               .repeatable = true},
    OptionSpec{.name = "since",
               .metavar = "TIME",
               .help = "Only runs that began in this time: 90s, 15m, 12h or 7d back from now, or "
                       "since 2026-01-31 or 2026-01-31T12:00:00 (UTC)."},
    OptionSpec{.name = "limit",
               .metavar = "INTEGER",
               .help = "Only so many runs, those that began last.",
               .kind = OptionKind::integer},
    kJson,
    kProjectPath,
    kSocketPath};
constexpr std::array kListExamples{
    Example{"charter-daemon list", "Shows the runs of the project around the working directory."},
    Example{"charter-daemon list --status failed --since 24h",
            "Shows what has failed since yesterday."},
    Example{"charter-daemon list --workflow nightly --limit 10 --json",
            "Prints the last ten runs of a workflow, for a script."}};
constexpr std::array kListCodes{kDone, kUsage, kNobody, kOther};

constexpr std::array kStatusArguments{
    ArgumentSpec{"RUN", "Id of a run; without it the daemon itself is shown.", false}};
constexpr std::array kStatusExamples{
    Example{"charter-daemon status", "Shows the daemon, its runs by state, and its gateway."},
    Example{"charter-daemon status 7d9f… --json", "Shows one run, for a script."}};
constexpr std::array kStatusCodes{kDone, kUsage, kNobody, kUnknown, kOther};

// ---------------------------------------------------------------- events
constexpr std::array kEventsOptions{OptionSpec{.name = "follow",
                                               .letter = 'f',
                                               .help = "Go on until the run has ended.",
                                               .kind = OptionKind::flag},
                                    OptionSpec{.name = "from",
                                               .fallback = "0",
                                               .metavar = "SEQ",
                                               .help = "The first event to print.",
                                               .kind = OptionKind::integer},
                                    kJson, kProjectPath, kSocketPath};
constexpr std::array kEventsExamples{
    Example{"charter-daemon events 7d9f… --follow", "Shows what happened and what happens next."},
    Example{"charter-daemon events 7d9f… --json",
            "Prints the events as the gateway gets them, one a line."}};
constexpr std::array kEventsCodes{kDone, kUsage, kGone, kUnknown, kOther, kInterrupted};

// ---------------------------------------------------------------- kill
constexpr std::array kKillOptions{
    OptionSpec{.name = "grace",
               .metavar = "SECONDS",
               .help = "Between TERM and KILL.",
               .kind = OptionKind::number,
               .shown_default = "the daemon's --kill-grace, or 10 without a daemon"},
    OptionSpec{.name = "note", .metavar = "TEXT", .help = "Why; it is kept with the run."},
    kDataDir,
    kJson,
    kProjectPath,
    kSocketPath};
constexpr std::array kKillExamples{
    Example{"charter-daemon kill 7d9f… --note 'wrong inputs'",
            "Ends the run and everything it started."},
    Example{"charter-daemon kill 7d9f… --grace 0", "Does so without waiting for its processes."}};
constexpr std::array kKillCodes{ExitCode{0, "ended, or had ended before"},
                                kUsage,
                                ExitCode{3, "no daemon, and no process of the run to end"},
                                kUnknown,
                                kRefused,
                                ExitCode{6, "ended, but processes are left that nobody can end"},
                                kOther,
                                ExitCode{130, "interrupted; the kill goes on"}};

// ---------------------------------------------------------------- forget, adopt
constexpr std::array kForgetOptions{
    OptionSpec{.name = "undelivered",
               .help = "Also when the gateway does not have all of its events.",
               .kind = OptionKind::flag},
    kJson, kProjectPath, kSocketPath};
constexpr std::array kForgetExamples{
    Example{"charter-daemon forget 7d9f…", "Removes what is kept of the run and frees its id."}};
constexpr std::array kForgetCodes{kDone, kUsage, kNobody, kUnknown, kRefused, kOther};
constexpr std::array kAdoptExamples{
    Example{"charter-daemon status", "Shows under 'holding' why the daemon starts nothing."},
    Example{"charter-daemon adopt", "Lets it start runs again."}};
constexpr std::array kAdoptCodes{kDone, kUsage, kNobody, kRefused, kOther};

// ---------------------------------------------------------------- reload
constexpr std::array kReloadExamples{
    Example{"charter-daemon reload", "Takes on what the configuration file says now."}};
constexpr std::array kReloadCodes{
    kDone, kUsage, kNobody, ExitCode{5, "the options are wrong, and nothing was changed"}, kOther};

// ---------------------------------------------------------------- drain, stop
constexpr std::array kDrainOptions{
    OptionSpec{.name = "wait",
               .help = "Wait until the daemon has ended or, with --stay, until nothing executes.",
               .kind = OptionKind::flag},
    OptionSpec{.name = "stay",
               .help = "The daemon goes on to answer when nothing executes any more.",
               .kind = OptionKind::flag},
    OptionSpec{.name = "off",
               .help = "Take it back: runs are taken and begun again.",
               .kind = OptionKind::flag},
    kJson,
    kProjectPath,
    kSocketPath};
constexpr std::array kDrainExamples{
    Example{"charter-daemon drain --wait", "Ends the daemon when its executing runs have ended."},
    Example{"charter-daemon drain --off", "Lets it take runs again."}};
constexpr std::array kDrainCodes{
    ExitCode{0, "done; with --wait: drained"},
    kUsage,
    kNobody,
    ExitCode{5, "refused by the daemon, or with --wait: the drain was taken back"},
    kOther,
    ExitCode{130, "interrupted; the drain goes on"}};

constexpr std::array kStopOptions{
    OptionSpec{.name = "runs",
               .help = "End the executing runs first; queued and paused ones stay.",
               .kind = OptionKind::flag},
    kJson, kProjectPath, kSocketPath};
constexpr std::array kStopExamples{
    Example{"charter-daemon stop", "Stops the daemon; its runs go on and are found again."},
    Example{"charter-daemon stop --runs", "Stops it and what it executes."}};
constexpr std::array kStopCodes{kDone, kUsage, kNobody, kRefused, kOther};

}  // namespace

constexpr CommandSpec kRunTable{
    .name = "run",
    .summary = "Start a run of a workflow",
    .description =
        "Starts a run and prints its id. With --wait or --follow the command stays until the run "
        "has ended, over restarts of the daemon too (it waits up to 60 s for one to come back). "
        "Where the run waits at a gate or for input, a person at a terminal is asked; otherwise "
        "the command says how to answer and goes on waiting.",
    .options = kRunOptions,
    .arguments = kRunArguments,
    .examples = kRunExamples,
    .exit_codes = kRunCodes};

constexpr CommandSpec kRetryTable{
    .name = "retry",
    .summary = "Go on where a run has failed or was ended",
    .description =
        "Starts a new run that begins where a run has failed, was interrupted, lost or cancelled: "
        "its finished steps are skipped with their outputs kept, its approved gates are not asked "
        "again, and the step at which it ended is done again. The plan is not read again: the new "
        "run has the old one's snapshot and inputs, whatever the files say now. The old run stays "
        "as it is. Refused, with the reason, for a run that is not over or has completed, and for "
        "one whose journal is not kept any more.",
    .options = kRetryOptions,
    .arguments = kRun,
    .examples = kRetryExamples,
    .exit_codes = kRetryCodes};

constexpr CommandSpec kListTable{
    .name = "list",
    .summary = "List the runs of the project",
    .description =
        "Lists the runs of the project, oldest first: the daemon's, and those of which only a "
        "state file tells, because the 'charter' command carried them out itself. Times are "
        "relative; --json has them in full.",
    .options = kListOptions,
    .examples = kListExamples,
    .exit_codes = kListCodes};

constexpr CommandSpec kStatusTable{
    .name = "status",
    .summary = "Show the daemon or one run",
    .description =
        "Shows the daemon: the limits in force, its runs by state, and its link to the gateway "
        "with what waits to be delivered. Or one run with its steps: the state of each, its "
        "attempts and how long it took.",
    .options = kPlainOptions,
    .arguments = kStatusArguments,
    .examples = kStatusExamples,
    .exit_codes = kStatusCodes};

constexpr CommandSpec kEventsTable{
    .name = "events",
    .summary = "Print the events of a run",
    .description =
        "Prints the events of a run in order. With --json each is printed exactly as "
        "the gateway gets it.",
    .options = kEventsOptions,
    .arguments = kRun,
    .examples = kEventsExamples,
    .exit_codes = kEventsCodes};

constexpr CommandSpec kKillTable{
    .name = "kill",
    .summary = "End a run and its whole process tree",
    .description =
        "Ends a run and answers when its process tree is gone: TERM, the grace, then KILL. When "
        "the daemon does not answer within 1 s the run's own guardian process is asked instead.",
    .options = kKillOptions,
    .arguments = kRun,
    .examples = kKillExamples,
    .exit_codes = kKillCodes};

constexpr CommandSpec kForgetTable{
    .name = "forget",
    .summary = "Give up what is kept of a run that is over",
    .description =
        "Removes a run's journal and state file and everything the daemon knows of it, so that its "
        "id may be used again; its artifacts stay. Refused while the run is not over.",
    .options = kForgetOptions,
    .arguments = kRun,
    .examples = kForgetExamples,
    .exit_codes = kForgetCodes};

constexpr CommandSpec kAdoptTable{
    .name = "adopt",
    .summary = "Let a daemon that holds start runs again",
    .description =
        "A daemon whose data was copied from elsewhere, or whose ledger was damaged, shows and "
        "delivers its runs and starts none: a copy must not do again what the original does. This "
        "says that the data here is the one that counts.",
    .options = kPlainOptions,
    .examples = kAdoptExamples,
    .exit_codes = kAdoptCodes};

constexpr CommandSpec kDrainTable{
    .name = "drain",
    .summary = "Take no more runs and end when nothing executes",
    .description =
        "The daemon refuses new runs with the code 'draining', begins nothing, lets what executes "
        "come to its end, and then ends itself. Queued and paused runs, and those that are "
        "approved meanwhile, go on with the next daemon, or with --off. What is left of a "
        "gateway's "
        "events is delivered first, for ten seconds at most. A daemon that is started again "
        "meanwhile does not drain.",
    .options = kDrainOptions,
    .examples = kDrainExamples,
    .exit_codes = kDrainCodes};

constexpr CommandSpec kReloadTable{
    .name = "reload",
    .summary = "Have the daemon read its configuration anew",
    .description =
        "The daemon reads the file of its --config, its token file and certificates anew, connects "
        "to the gateway with what they hold, opens its logs anew, and says what is another: "
        "max-runs, log-level, run-time-max, step-output-max, run-memory-max, run-pids-max, "
        "run-cpu-max, token-file, ca-file, client-cert and client-key count at once, for runs that "
        "begin from now on; what needs a restart is named. When something is wrong nothing "
        "changes. SIGHUP does the same, and the log tells.",
    .options = kPlainOptions,
    .examples = kReloadExamples,
    .exit_codes = kReloadCodes};

constexpr CommandSpec kStopTable{
    .name = "stop",
    .summary = "Stop the daemon",
    .description = "Stops the daemon and answers when it has ended. Its runs go on by themselves.",
    .options = kStopOptions,
    .examples = kStopExamples,
    .exit_codes = kStopCodes};

}  // namespace charter::client
