// resume: one request, one sentence.
#include "client/answering.h"
#include "client/await.h"
#include "client/commands.h"
#include "client/control.h"

namespace charter::client {

Expected<int> resume_command(const ipc::OptionValues& values) {
  const bool approve = values.flag("approve");
  if (approve == values.flag("deny")) {
    return Failure{kExitUsage, "Say one of --approve and --deny."};
  }
  const auto target = find_target(values);
  if (!target) return target.error();
  const std::string& run = values.argument(0);
  std::optional<std::string> note;
  if (values.has("note")) note = values.text("note");
  const std::int64_t from = values.flag("follow") ? events_so_far(*target, run) : 0;
  const auto answer = send_decision(*target, run, approve, note);
  if (!answer) return answer.error();
  if (values.flag("json")) {
    print(R"({"run_id":)" + ipc::quoted(run) + R"(,"approved":)" + (approve ? "true" : "false") +
          "}\n");
  } else {
    print("Run " + run + (approve ? " approved.\n" : " denied.\n"));
  }
  return values.flag("follow") ? follow_on(*target, run, from, values.flag("json")) : 0;
}

}  // namespace charter::client
