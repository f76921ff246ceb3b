#include "client/await.h"

#include <algorithm>
#include <memory>

#include "client/awaited_run.h"
#include "client/event_view.h"
#include "client/progress.h"
#include "client/project_runs.h"
#include "client/step_list.h"
#include "client/table.h"
#include "client/times.h"
#include "ipc/json_object.h"
#include "ipc/layout.h"
#include "ipc/peer.h"

namespace charter::client {
namespace {

// A run that is waited for, and what its events have told of its steps.
struct Watched {
  StepList steps;
  bool has_events = false;
  std::unique_ptr<AwaitedRun> run;
};
using Runs = std::vector<std::unique_ptr<Watched>>;

// {"step":{…}} with what the events had; null of a run that had none.
std::string outputs_json(const Watched& watched) {
  if (!watched.has_events) return "null";
  ipc::JsonObject json;
  for (const StepView& step : watched.steps.steps()) {
    if (!step.outputs.empty()) json.raw(step.id, step.outputs);
  }
  return json.str();
}

int exit_code_of(const RunEnd& end) { return end.status == "completed" ? 0 : kExitRunFailed; }

std::string end_json(const Watched& watched) {
  const RunEnd& end = watched.run->end();
  return ipc::JsonObject()
             .text("run_id", watched.run->id())
             .text("status", end.status)
             .text_or_null("error", end.error)
             .raw("outputs", outputs_json(watched))
             .number("exit_code", exit_code_of(end))
             .str() +
         "\n";
}

// A line for each output; texts as they are, anything else as JSON.
std::string outputs_text(const StepList& list, const Screen& screen) {
  Table table({{.title = "OUTPUT"}, {.title = "VALUE", .elastic = true}});
  for (const StepView& step : list.steps()) {
    const auto outputs = Fields::keep(step.outputs.empty() ? "{}" : step.outputs);
    if (!outputs) continue;
    for (const ipc::JsonMember& member : outputs->members()) {
      const bool text = member.kind == ipc::JsonKind::string;
      table.add({{step.id + "." + member.key},
                 {text ? outputs->text(member.key) : std::string(member.raw)}});
    }
  }
  return table.empty() ? std::string() : "\n" + table.render(screen);
}

std::string end_text(const std::string& run, const RunEnd& end) {
  std::string text = "Run " + run + (end.status == "cancelled" ? " was " : " ") + end.status;
  if (!end.error.empty()) text += ": " + end.error;
  return text;
}

// Whether the daemon knows the run, or else at least a state file.
Expected<bool> known_to_daemon(const Target& target, const std::string& run, Deadline deadline) {
  const auto answer = ask(target, Request("status").text("run_id", run), answer_until(deadline));
  if (answer) return true;
  const bool unknown = answer.error().exit_code == kExitUnknownRun;
  if (unknown && read_state_file(ipc::Layout(target.root), run)) return false;
  return answer.error();
}

Expected<Runs> runs_of(const Target& target, const AwaitOrder& order, ProgressLine& progress) {
  Runs runs;
  for (const std::string& run : order.runs) {
    const auto known =
        order.known ? Expected<bool>(true) : known_to_daemon(target, run, order.deadline);
    if (!known) return known.error();
    auto watched = std::make_unique<Watched>();
    const auto take = [&, at = watched.get()](const EventView& event) {
      at->steps.take(event);
      at->has_events = true;
      if (!order.show_events || event.seq < order.from) return;
      progress.clear();
      print(event_text(event, order.json, standard_output()));  // windows change
    };
    watched->run = std::make_unique<AwaitedRun>(target, run, *known, order.deadline, take);
    runs.push_back(std::move(watched));
  }
  return runs;
}

// The state file follows the first events; without it the number of steps is not known.
void show_progress(ProgressLine& progress, const Target& target, Watched& watched) {
  // Of a run that only its file tells of there are no events.
  if (!progress.possible() || watched.run->follower() == nullptr) return;
  if (!watched.steps.planned()) {
    const auto state = read_state_file(ipc::Layout(target.root), watched.run->id());
    if (state) watched.steps.plan(*state);
  }
  watched.steps.pass_time(wall_ms());
  progress.draw(watched.steps);
}

void wait_for_news(const Runs& runs, Deadline deadline) {
  std::vector<const Follower*> followers;
  for (const auto& watched : runs) {
    deadline = std::min(deadline, watched->run->due());
    const Follower* follower = watched->run->follower();
    if (follower != nullptr) followers.push_back(follower);
  }
  wait_for_any(followers, deadline);
}

std::string late(const Runs& runs, const AwaitOrder& order) {
  std::string text = "Not ended within " + order.limit + ":";
  for (const auto& watched : runs) text += " " + watched->run->id();
  return text;
}

}  // namespace

Expected<int> await_runs(const Target& target, const AwaitOrder& order) {
  const Screen screen = standard_output();
  ProgressLine progress(!order.json && order.runs.size() == 1);
  auto runs = runs_of(target, order, progress);
  if (!runs) return runs.error();
  if (order.show_events && !order.json) print(event_heading(screen));
  int code = 0;
  Outage outage;
  while (true) {
    bool away = false;
    for (auto at = runs->begin(); at != runs->end();) {
      AwaitedRun& run = *(*at)->run;
      const auto over = run.advance();
      if (!over) return over.error();
      if (!*over) {
        if (run.asks()) progress.clear();
        const auto attended = run.attend();
        if (!attended) return attended.error();
        if (!*attended) return kExitInterrupted;
        away = away || run.away();
        ++at;
        continue;
      }
      progress.clear();
      if (order.json) {
        print(end_json(**at));
      } else {
        if (order.show_events) print(outputs_text((*at)->steps, screen));
        tell(end_text(run.id(), run.end()));
      }
      code = std::max(code, exit_code_of(run.end()));
      at = runs->erase(at);
    }
    if (runs->empty()) return code;
    if (away) progress.clear();
    outage.tell(away);
    if (ipc::boot_ms() >= order.deadline) return Failure{kExitOther, late(*runs, order)};
    if (!away) show_progress(progress, target, *runs->front());
    const bool ticks = progress.drawn();
    wait_for_news(*runs, ticks ? std::min(order.deadline, in_ms(kProgressMs)) : order.deadline);
  }
}

std::int64_t events_so_far(const Target& target, const std::string& run) {
  const auto answer = ask(target, Request("status").text("run_id", run), in_ms(kAnswerMs));
  return answer ? answer->object("run").number("events").value_or(0) : 0;
}

Expected<int> follow_on(const Target& target, const std::string& run, std::int64_t from,
                        bool json) {
  AwaitOrder order;
  order.runs = {run};
  order.known = true;
  order.show_events = true;
  order.from = from;
  order.json = json;
  return await_runs(target, order);
}

}  // namespace charter::client
