#include "client/await.h"

#include <algorithm>
#include <memory>

#include "client/awaited_run.h"
#include "client/event_view.h"
#include "client/project_runs.h"
#include "client/table.h"
#include "ipc/layout.h"
#include "ipc/peer.h"

namespace charter::client {
namespace {

using Runs = std::vector<std::unique_ptr<AwaitedRun>>;

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

// Whether the daemon knows the run, or else at least a state file.
Expected<bool> known_to_daemon(const Target& target, const std::string& run) {
  const auto answer = ask(target, Request("status").text("run_id", run), in_ms(kAnswerMs));
  if (answer) return true;
  const bool unknown = answer.error().exit_code == kExitUnknownRun;
  if (unknown && read_state_file(ipc::Layout(target.root), run)) return false;
  return answer.error();
}

Expected<Runs> runs_of(const Target& target, const AwaitOrder& order, const Screen& screen) {
  Runs runs;
  for (const std::string& run : order.runs) {
    const auto known = order.known ? Expected<bool>(true) : known_to_daemon(target, run);
    if (!known) return known.error();
    runs.push_back(
        std::make_unique<AwaitedRun>(target, run, *known, [&order, screen](const EventView& event) {
          if (order.show_events) print(event_text(event, order.json, screen));
        }));
  }
  return runs;
}

void wait_for_news(const Runs& runs, Deadline deadline) {
  std::vector<const Follower*> followers;
  for (const auto& run : runs) {
    deadline = std::min(deadline, run->due());
    if (run->follower() != nullptr) followers.push_back(run->follower());
  }
  wait_for_any(followers, deadline);
}

std::string late(const Runs& runs, const AwaitOrder& order) {
  std::string text = "Not ended within " + order.limit + ":";
  for (const auto& run : runs) text += " " + run->id();
  return text;
}

}  // namespace

Expected<int> await_runs(const Target& target, const AwaitOrder& order) {
  const Screen screen = standard_output();
  auto runs = runs_of(target, order, screen);
  if (!runs) return runs.error();
  if (order.show_events && !order.json) print(event_heading(screen));
  int code = 0;
  Outage outage;
  while (true) {
    bool away = false;
    for (auto at = runs->begin(); at != runs->end();) {
      AwaitedRun& run = **at;
      const auto over = run.advance();
      if (!over) return over.error();
      if (!*over) {
        const auto attended = run.attend(order.deadline);
        if (!attended) return attended.error();
        if (!*attended) return kExitInterrupted;
        away = away || run.away();
        ++at;
        continue;
      }
      if (order.json) {
        print(end_json(run.id(), run.end()));
      } else {
        tell(end_text(run.id(), run.end()));
      }
      if (run.end().status != "completed") code = kExitRunFailed;
      at = runs->erase(at);
    }
    if (runs->empty()) return code;
    outage.tell(away);
    if (ipc::boot_ms() >= order.deadline) return Failure{kExitOther, late(*runs, order)};
    wait_for_news(*runs, order.deadline);
  }
}

}  // namespace charter::client
