// submit: the answers to a form, given or asked for.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "client/answering.h"
#include "client/await.h"
#include "client/commands.h"
#include "client/follow.h"
#include "client/project_runs.h"
#include "ipc/job.h"
#include "ipc/layout.h"

namespace charter::client {
namespace {

constexpr std::size_t kMostBytes = std::size_t{64} << 20;  // of a request, unless configured

Failure wrong(const ipc::OptionValues& values, std::string_view why) {
  return {kExitUsage, values.invalid("answers", why).what};
}

Expected<std::string> read_answers(const ipc::OptionValues& values) {
  std::string text = values.text("answers");
  if (text == "-" || text.starts_with('@')) {
    const std::string path = text.substr(1);
    const ipc::UniqueFd file(text == "-" ? ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                         : ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file) return wrong(values, ipc::errno_error("open " + path).message());
    auto read = ipc::read_all(file.get(), kMostBytes);
    if (!read) return wrong(values, read.error().message());
    text = std::move(*read);
  }
  const auto members = ipc::scan_object(text, {.max_bytes = kMostBytes, .max_depth = 200});
  if (!members) return wrong(values, "must be a JSON object: " + members.error().what);
  // A request is one line; between the tokens of JSON a line end is as good as a blank.
  std::replace_if(
      text.begin(), text.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return text;
}

Failure no_form(const std::string& run, const std::optional<Waiting>& waiting) {
  if (waiting) return {kExitRefused, how_to_answer(run, *waiting)};
  return {kExitRefused, "Run " + run + " does not wait for input."};
}

// What the run waits for at this moment: by the daemon, or by the file of a run that is not its
// own yet.
Expected<std::optional<Waiting>> present_wait(const Target& target, const std::string& run) {
  const auto answer = ask(target, Request("status").text("run_id", run), in_ms(kAnswerMs));
  if (!answer) {
    if (answer.error().exit_code != kExitUnknownRun) return answer.error();
    const auto state = read_state_file(ipc::Layout(target.root), run);
    if (!state) return answer.error();
    if (state->text("status") != "paused") return std::optional<Waiting>();
    return waiting_in(*state);
  }
  if (!answer->object("run").has("waits_at")) return std::optional<Waiting>();
  std::optional<Waiting> waiting;
  Follower follower(target, run, 0, true,
                    [&waiting](const EventView& event) { waiting = waiting_of(event); });
  if (const auto end = follower.read(); !end) return end.error();
  return waiting;
}

Expected<bool> answer_by_person(const Target& target, const std::string& run) {
  const auto waiting = present_wait(target, run);
  if (!waiting) return waiting.error();
  if (!*waiting || !(*waiting)->form) return no_form(run, *waiting);
  const auto outcome = answer_at_terminal(target, run, **waiting, {});
  if (!outcome) return outcome.error();
  if (*outcome == Answering::left) tell(how_to_answer(run, **waiting));
  if (*outcome == Answering::overtaken) return no_form(run, std::nullopt);
  return *outcome == Answering::accepted;
}

}  // namespace

Expected<int> submit_command(const ipc::OptionValues& values) {
  const std::string& run = values.argument(0);
  const bool given = values.has("answers");
  if (!given && !person_present()) {
    return Failure{kExitUsage, "Say --answers JSON; questions are asked at a terminal only."};
  }
  const auto answers = given ? read_answers(values) : Expected<std::string>(std::string());
  if (!answers) return answers.error();
  const auto target = find_target(values);
  if (!target) return target.error();
  const std::int64_t from = values.flag("follow") ? events_so_far(*target, run) : 0;
  if (given) {
    if (const auto sent = send_answers(*target, run, *answers); !sent) return sent.error();
  } else {
    const auto answered = answer_by_person(*target, run);
    if (!answered) return answered.error();
    if (!*answered) return kExitInterrupted;
  }
  print(values.flag("json") ? R"({"run_id":)" + ipc::quoted(run) + "}\n"
                            : "Run " + run + " has its answers.\n");
  return values.flag("follow") ? follow_on(*target, run, from, values.flag("json")) : 0;
}

}  // namespace charter::client
