// forget and adopt: one request, one sentence.
#include "client/commands.h"
#include "client/control.h"
#include "ipc/json_scan.h"

namespace charter::client {

Expected<int> forget_command(const ipc::OptionValues& values) {
  const auto target = find_target(values);
  if (!target) return target.error();
  const std::string& run = values.argument(0);
  Request request("forget");
  request.text("run_id", run).truth("undelivered", values.flag("undelivered"));
  const auto answer = ask(*target, request, in_ms(kAnswerMs));
  if (!answer) return answer.error();
  print(values.flag("json") ? R"({"run_id":)" + ipc::quoted(run) + "}\n"
                            : "Run " + run + " forgotten.\n");
  return 0;
}

Expected<int> adopt_command(const ipc::OptionValues& values) {
  const auto target = find_target(values);
  if (!target) return target.error();
  const auto answer = ask(*target, Request("adopt"), in_ms(kAnswerMs));
  if (!answer) return answer.error();
  print(values.flag("json") ? "{\"adopted\":true}\n" : "The daemon starts runs again.\n");
  return 0;
}

}  // namespace charter::client
