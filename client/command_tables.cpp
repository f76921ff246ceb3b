// What every command of the client takes and says of itself.
#include <array>

#include "client/commands.h"

namespace charter::client {
namespace {

using ipc::ArgumentSpec;
using ipc::CommandSpec;
using ipc::Example;
using ipc::ExitCode;
using ipc::OptionKind;
using ipc::OptionSpec;

constexpr OptionSpec kProjectPath{.name = "project-path",
                                  .variable = "CHARTER_PROJECT_PATH",
                                  .metavar = "DIRECTORY",
                                  .help = "Project root, the directory with charter.yml.",
                                  .shown_default = "upward from the working directory"};
constexpr OptionSpec kSocketPath{.name = "socket-path",
                                 .variable = "CHARTER_DAEMON_SOCKET",
                                 .metavar = "PATH",
                                 .help = "Socket of the daemon; relative to the project.",
                                 .shown_default = ".charter/daemon.sock"};
constexpr OptionSpec kJson{
    .name = "json", .help = "Print JSON instead of text.", .kind = OptionKind::flag};

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

constexpr OptionSpec kFollowOn{.name = "follow",
                               .letter = 'f',
                               .help = "Then print the run's further events until it has ended.",
                               .kind = OptionKind::flag};

constexpr ExitCode kDone{0, "done"};
constexpr ExitCode kUsage{2, "bad options, or no project found"};
constexpr ExitCode kNobody{3, "no daemon serves the project"};
constexpr ExitCode kGone{3, "no daemon serves the project, or none came back in time"};
constexpr ExitCode kUnknown{4, "the run is unknown"};
constexpr ExitCode kRefused{5, "refused by the daemon, with its reason"};
constexpr ExitCode kOther{7, "any other error"};
constexpr ExitCode kInterrupted{130, "interrupted; the run goes on"};
constexpr ExitCode kLeftOpen{130, "interrupted, or a question was left open; the run goes on"};

constexpr std::array kRun{ArgumentSpec{"RUN", "Id of the run."}};

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
constexpr std::array kPlainOptions{kJson, kProjectPath, kSocketPath};  // of many commands
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
    OptionSpec{.name = "data-dir",
               .variable = "CHARTER_DAEMON_DATA_DIR",
               .metavar = "DIRECTORY",
               .help = "The daemon's --data-dir, for when it does not answer.",
               .shown_default = ".charter/daemon"},
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

// ---------------------------------------------------------------- resume
constexpr std::array kResumeOptions{
    OptionSpec{.name = "approve", .help = "Let the run go on.", .kind = OptionKind::flag},
    OptionSpec{.name = "deny", .help = "End the run as cancelled.", .kind = OptionKind::flag},
    OptionSpec{.name = "note", .metavar = "TEXT", .help = "Why; it is kept with the decision."},
    kFollowOn,
    kJson,
    kProjectPath,
    kSocketPath};
constexpr std::array kResumeExamples{
    Example{"charter-daemon resume 7d9f… --approve", "Answers the gate at which the run waits."},
    Example{"charter-daemon resume 7d9f… --deny --note 'numbers are off'", "Refuses it."},
    Example{"charter-daemon resume 7d9f… --approve --follow",
            "Approves it, and shows what happens then."}};
constexpr std::array kResumeCodes{ExitCode{0, "done; with --follow: completed"},
                                  ExitCode{1, "with --follow: the run failed or was cancelled"},
                                  kUsage,
                                  kNobody,
                                  kUnknown,
                                  kRefused,
                                  kOther,
                                  kLeftOpen};

// ---------------------------------------------------------------- submit
constexpr std::array kSubmitOptions{
    OptionSpec{.name = "answers",
               .metavar = "JSON|@FILE|-",
               .help = "A JSON object: question id to answer. From a file with @, or from "
                       "standard input.",
               .shown_default = "asked, at a terminal"},
    kFollowOn, kJson, kProjectPath, kSocketPath};
constexpr std::array kSubmitExamples{
    Example{R"(charter-daemon submit 7d9f… --answers '{"region": "eu", "checks": ["a", "b"]}')",
            "Answers the form at which the run waits."},
    Example{"charter-daemon submit 7d9f…", "Asks its questions at the terminal."}};
constexpr std::array kSubmitCodes{ExitCode{0, "done; with --follow: completed"},
                                  ExitCode{1, "with --follow: the run failed or was cancelled"},
                                  kUsage,
                                  kNobody,
                                  kUnknown,
                                  kRefused,
                                  kOther,
                                  ExitCode{130, "a question was left open; the run stays paused"}};

// ---------------------------------------------------------------- wait
constexpr std::array kWaitArguments{
    ArgumentSpec{.name = "RUN", .help = "Ids of the runs.", .required = true, .many = true}};
constexpr std::array kWaitOptions{OptionSpec{.name = "timeout",
                                             .metavar = "SECONDS",
                                             .help = "Wait no longer than this.",
                                             .kind = OptionKind::number,
                                             .shown_default = "for as long as it takes"},
                                  kJson, kProjectPath, kSocketPath};
constexpr std::array kWaitExamples{
    Example{"charter-daemon wait 7d9f…", "Ends as the run ends."},
    Example{"charter-daemon wait 7d9f… 81ac… --timeout 600 --json",
            "Prints a line for each run that ends, for ten minutes at most."}};
constexpr std::array kWaitCodes{
    ExitCode{0, "all of them completed"},
    ExitCode{1, "one failed or was cancelled"},
    kUsage,
    kGone,
    ExitCode{4, "one of them is unknown"},
    ExitCode{7, "any other error; not ended within --timeout"},
    ExitCode{130, "interrupted, or a question was left open; the runs go on"}};

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

constexpr CommandSpec kResumeTable{
    .name = "resume",
    .summary = "Answer a gate",
    .description = "Approves or denies the gate at which a run waits.",
    .options = kResumeOptions,
    .arguments = kRun,
    .examples = kResumeExamples,
    .exit_codes = kResumeCodes};

constexpr CommandSpec kSubmitTable{
    .name = "submit",
    .summary = "Answer a form",
    .description =
        "Answers the questions of the input step at which a run waits. Without --answers they "
        "are asked, if standard input and standard error are a terminal.",
    .options = kSubmitOptions,
    .arguments = kRun,
    .examples = kSubmitExamples,
    .exit_codes = kSubmitCodes};

constexpr CommandSpec kWaitTable{
    .name = "wait",
    .summary = "Wait until runs have ended",
    .description =
        "Waits until every named run has ended and says how each did. Where one waits at a gate "
        "or for input, a person at a terminal is asked; otherwise the command says how to answer "
        "and goes on waiting.",
    .options = kWaitOptions,
    .arguments = kWaitArguments,
    .examples = kWaitExamples,
    .exit_codes = kWaitCodes};

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

constexpr CommandSpec kStopTable{
    .name = "stop",
    .summary = "Stop the daemon",
    .description = "Stops the daemon and answers when it has ended. Its runs go on by themselves.",
    .options = kStopOptions,
    .examples = kStopExamples,
    .exit_codes = kStopCodes};

}  // namespace charter::client
