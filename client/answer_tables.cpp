// What the commands that answer runs, and wait for them, take and say of themselves.
#include <array>

#include "client/commands.h"
#include "client/common_options.h"

namespace charter::client {
namespace {

using namespace tables;

constexpr OptionSpec kFollowOn{.name = "follow",
                               .letter = 'f',
                               .help = "Then print the run's further events until it has ended.",
                               .kind = OptionKind::flag};

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

}  // namespace

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

}  // namespace charter::client
