// list and status: what the daemon knows, in one answer.
#include "client/commands.h"
#include "client/control.h"
#include "client/run_view.h"

namespace charter::client {
namespace {

// The member of the answer as JSON, alone in an object, with the bytes the daemon sent.
std::string only(const Fields& answer, std::string_view key) {
  return "{" + ipc::quoted(key) + ":" + std::string(answer.raw(key)) + "}\n";
}

}  // namespace

Expected<int> list_command(const ipc::OptionValues& values) {
  const auto target = find_target(values);
  if (!target) return target.error();
  const auto answer = ask(*target, Request("list"), in_ms(kAnswerMs));
  if (!answer) return answer.error();
  print(values.flag("json") ? only(*answer, "runs")
                            : runs_text(answer->objects("runs"), standard_output()));
  return 0;
}

Expected<int> status_command(const ipc::OptionValues& values) {
  const auto target = find_target(values);
  if (!target) return target.error();
  const std::string& run = values.argument(0);
  Request request("status");
  if (!run.empty()) request.text("run_id", run);
  const auto answer = ask(*target, request, in_ms(kAnswerMs));
  if (!answer) return answer.error();
  const std::string_view key = run.empty() ? "daemon" : "run";
  if (values.flag("json")) {
    print(only(*answer, key));
  } else {
    const Fields fields = answer->object(key);
    print(run.empty() ? daemon_text(fields, standard_output())
                      : run_text(fields, standard_output()));
  }
  return 0;
}

}  // namespace charter::client
