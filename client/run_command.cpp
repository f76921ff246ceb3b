// run and retry: start a run and, when asked to, stay until it has ended. events: prints what
// happened.
#include <utility>
#include <vector>

#include "client/await.h"
#include "client/commands.h"
#include "client/control.h"
#include "client/follow.h"
#include "ipc/json_object.h"

namespace charter::client {
namespace {

// {"KEY":"VALUE"}: text as it was typed, the last of a repeated key in the first one's place.
Expected<std::string> variables_of(const std::vector<std::string>& given) {
  std::vector<std::pair<std::string, std::string>> variables;
  for (const std::string& item : given) {
    const auto equals = item.find('=');
    if (equals == std::string::npos) {
      return Failure{kExitUsage, "--var must be KEY=VALUE, got: '" + item + "'"};
    }
    const std::string key = item.substr(0, equals);
    auto at = variables.begin();
    while (at != variables.end() && at->first != key) ++at;
    if (at == variables.end()) at = variables.insert(at, {key, {}});
    at->second = item.substr(equals + 1);
  }
  ipc::JsonObject json;
  for (const auto& [key, value] : variables) json.text(key, value);
  return json.str();
}

// Asks for a run, says its id, and stays with it when asked to.
Expected<int> start_run(const ipc::OptionValues& values, const Target& target, Request& request) {
  if (values.has("on-lost")) request.text("on_lost", values.text("on-lost"));
  const auto answer = ask(target, request, in_ms(kAnswerMs));
  if (!answer) return answer.error();
  const std::string run = answer->text("run_id");
  const bool json = values.flag("json");
  if (json) {
    std::string line = R"({"run_id":)" + ipc::quoted(run) + R"(,"workflow_path":)" +
                       std::string(answer->raw("workflow_path"));
    if (answer->has("retry_of")) line += R"(,"retry_of":)" + std::string(answer->raw("retry_of"));
    print(line + "}\n");
  } else {
    print(run + "\n");
  }
  if (!values.flag("wait") && !values.flag("follow")) return 0;
  return await_runs(target, {.runs = {run},
                             .known = true,
                             .show_events = values.flag("follow"),
                             .from = 0,
                             .json = json,
                             .deadline = kNever,
                             .limit = {}});
}

}  // namespace

Expected<int> run_command(const ipc::OptionValues& values) {
  const auto variables = variables_of(values.list("var"));
  if (!variables) return variables.error();
  const auto target = find_target(values);
  if (!target) return target.error();
  Request request("run");
  request.text("workflow", values.argument(0)).raw("variables", *variables);
  if (values.has("run-id")) request.text("run_id", values.text("run-id"));
  if (values.has("sandbox")) request.text("sandbox", values.text("sandbox"));
  return start_run(values, *target, request);
}

Expected<int> retry_command(const ipc::OptionValues& values) {
  const auto target = find_target(values);
  if (!target) return target.error();
  Request request("retry");
  request.text("run_id", values.argument(0));
  if (values.has("run-id")) request.text("new_run_id", values.text("run-id"));
  return start_run(values, *target, request);
}

Expected<int> events_command(const ipc::OptionValues& values) {
  const auto target = find_target(values);
  if (!target) return target.error();
  const std::int64_t from = values.integer("from");
  if (from < 0) return Failure{kExitUsage, values.invalid("from", "must be non-negative").what};
  const bool json = values.flag("json");
  const Screen screen = standard_output();
  bool headed = json;
  Follower follower(*target, values.argument(0), from, false, [&](const EventView& event) {
    if (!headed) print(event_heading(screen));
    headed = true;
    print(event_text(event, json, screen));
  });
  const auto end = values.flag("follow") ? follower.follow() : follower.read();
  if (!end) return end.error();
  return 0;
}

}  // namespace charter::client
