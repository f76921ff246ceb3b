// run: starts a run and, when asked to, stays until it has ended. events: prints what happened.
#include <utility>
#include <vector>

#include "client/commands.h"
#include "client/control.h"
#include "client/follow.h"

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
  std::string json = "{";
  for (const auto& [key, value] : variables) {
    if (json.size() > 1) json += ',';
    json += ipc::quoted(key) + ":" + ipc::quoted(value);
  }
  return json + "}";
}

// Says once for each gate how to answer it.
void hint(const std::string& run, const EventView& event) {
  if (event.kind == "GatePendingEvent") {
    tell("Run " + run + " waits at gate '" + event.step + "'. Answer it with: charter-daemon " +
         "resume " + run + " --approve (or --deny)");
  } else if (event.kind == "InputPendingEvent") {
    tell("Run " + run + " waits for input at step '" + event.step + "'.");
  }
}

void print_event(const EventView& event, bool json, const Screen& screen) {
  print(json ? std::string(event.message) + "\n" : event_line(event, screen));
}

std::string end_json(const std::string& run, const RunEnd& end) {
  const std::string error = end.error.empty() ? "null" : ipc::quoted(end.error);
  return R"({"run_id":)" + ipc::quoted(run) + R"(,"status":)" + ipc::quoted(end.status) +
         R"(,"error":)" + error + "}\n";
}

std::string end_text(const std::string& run, const RunEnd& end) {
  std::string text = "Run " + run + (end.status == "cancelled" ? " was " : " ") + end.status;
  if (!end.error.empty()) text += ": " + end.error;
  return text;
}

// Stays with the run until it has ended.
Expected<int> await(const Target& target, const std::string& run, bool show, bool json) {
  const Screen screen = standard_output();
  if (show && !json) print(event_heading(screen));
  Follower follower(target, run, 0, [&](const EventView& event) {
    if (show) print_event(event, json, screen);
    hint(run, event);
  });
  const auto end = follower.follow(true);
  if (!end) return end.error();
  if (json) {
    print(end_json(run, *end));
  } else {
    tell(end_text(run, *end));
  }
  return end->status == "completed" ? 0 : kExitRunFailed;
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
  const auto answer = ask(*target, request, in_ms(kAnswerMs));
  if (!answer) return answer.error();
  const std::string run = answer->text("run_id");
  const bool json = values.flag("json");
  if (json) {
    print(R"({"run_id":)" + ipc::quoted(run) + R"(,"workflow_path":)" +
          std::string(answer->raw("workflow_path")) + "}\n");
  } else {
    print(run + "\n");
  }
  if (!values.flag("wait") && !values.flag("follow")) return 0;
  return await(*target, run, values.flag("follow"), json);
}

Expected<int> events_command(const ipc::OptionValues& values) {
  const auto target = find_target(values);
  if (!target) return target.error();
  const std::int64_t from = values.integer("from");
  if (from < 0) return Failure{kExitUsage, values.invalid("from", "must be non-negative").what};
  const bool json = values.flag("json");
  const Screen screen = standard_output();
  bool headed = json;
  Follower follower(*target, values.argument(0), from, [&](const EventView& event) {
    if (!headed) print(event_heading(screen));
    headed = true;
    print_event(event, json, screen);
  });
  const auto end = values.flag("follow") ? follower.follow(false) : follower.read();
  if (!end) return end.error();
  return 0;
}

}  // namespace charter::client
