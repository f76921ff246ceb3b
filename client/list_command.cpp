// list and status: what the daemon knows, and what only state files tell.
#include <algorithm>
#include <unordered_set>

#include "client/commands.h"
#include "client/control.h"
#include "client/follow.h"
#include "client/project_runs.h"
#include "client/run_filter.h"
#include "client/run_view.h"
#include "client/step_list.h"
#include "client/times.h"
#include "ipc/json_object.h"
#include "ipc/layout.h"

namespace charter::client {
namespace {

// The member of the answer as JSON, alone in an object, with the bytes the daemon sent.
std::string only(std::string_view key, std::string_view json) {
  return "{" + ipc::quoted(key) + ":" + std::string(json) + "}\n";
}

// The daemon's data directory, where its journals are.
Expected<ipc::Layout> layout_of(const Target& target) {
  const auto answer = ask(target, Request("status"), in_ms(kAnswerMs));
  if (!answer) return answer.error();
  return ipc::Layout(target.root, answer->object("daemon").text("data_dir"));
}

// The views of the runs that are in `ids` and not among the daemon's.
Expected<std::vector<Fields>> others(const Target& target, std::vector<std::string> ids,
                                     const std::vector<Fields>& listed) {
  std::unordered_set<std::string> known;
  for (const Fields& run : listed) known.insert(run.text("run_id"));
  std::erase_if(ids, [&known](const std::string& id) { return known.contains(id); });
  std::vector<Fields> views;
  if (ids.empty()) return views;
  const auto layout = layout_of(target);
  if (!layout) return layout.error();
  for (const std::string& id : ids) {
    const auto state = read_state_file(*layout, id);
    if (!state) continue;
    if (auto view = Fields::keep(view_of(*layout, id, *state))) views.push_back(std::move(*view));
  }
  return views;
}

// By the time a run began, to the second; of one second the daemon's come first, in its order.
std::vector<Fields> merged(std::vector<Fields> listed, std::vector<Fields> found) {
  const auto began = [](const Fields& run) { return run.text("started_at").substr(0, 19); };
  const auto earlier = [&began](const Fields& one, const Fields& other) {
    return began(one) < began(other);
  };
  std::move(found.begin(), found.end(), std::back_inserter(listed));
  std::stable_sort(listed.begin(), listed.end(), earlier);
  return listed;
}

std::string array_of(const std::vector<Fields>& runs) {
  ipc::JsonArray json;
  for (const Fields& run : runs) json.raw(run.whole());
  return json.str();
}

// How the run's steps stand: by its events, or of one that only a file tells of by that. Nothing
// when the daemon does not have its events any more.
std::optional<StepList> steps_of(const Target& target, const Fields& run) {
  const std::string id = run.text("run_id");
  const auto state = read_state_file(ipc::Layout(target.root), id);
  if (!run.has("events")) {
    return state ? std::optional(StepList::from_state(*state)) : std::nullopt;
  }
  StepList list;
  if (state) list.plan(*state);
  Follower follower(target, id, 0, true, [&list](const EventView& event) { list.take(event); });
  if (!follower.read()) return std::nullopt;
  list.pass_time(wall_ms());
  return list;
}

Expected<int> show_run(const Target& target, const std::string& id, bool json) {
  auto answer = ask(target, Request("status").text("run_id", id), in_ms(kAnswerMs));
  if (!answer && answer.error().exit_code == kExitUnknownRun) {
    const ipc::Layout layout(target.root);
    if (const auto state = read_state_file(layout, id)) {
      auto view = Fields::keep(R"({"run":)" + view_of(layout, id, *state) + "}");
      if (view) answer = std::move(*view);
    }
  }
  if (!answer) return answer.error();
  const Fields run = answer->object("run");
  const auto steps = steps_of(target, run);
  if (json) {
    print(ipc::JsonObject()
              .raw("run", answer->raw("run"))
              .raw("steps", steps ? steps_json(*steps) : "null")
              .str() +
          "\n");
    return 0;
  }
  const Screen screen = standard_output();
  print(run_text(run, screen, wall_ms()));
  const std::string table = steps ? steps_text(*steps, screen, wall_ms()) : std::string();
  if (!table.empty()) print("\n" + table);
  return 0;
}

}  // namespace

Expected<int> list_command(const ipc::OptionValues& values) {
  const auto filter = RunFilter::read(values, wall_ms());
  if (!filter) return filter.error();
  const auto target = find_target(values);
  if (!target) return target.error();
  auto ids = state_file_ids(ipc::Layout(target->root));
  const auto answer = ask(*target, Request("list"), in_ms(kAnswerMs));
  if (!answer) return answer.error();
  auto listed = answer->objects("runs");
  auto found = others(*target, std::move(ids), listed);
  if (!found) return found.error();
  const bool json = values.flag("json");
  if (json && found->empty() && filter->takes_all()) {
    print(only("runs", answer->raw("runs")));
    return 0;
  }
  const auto runs = filter->apply(merged(std::move(listed), std::move(*found)));
  print(json ? only("runs", array_of(runs)) : runs_text(runs, standard_output(), wall_ms()));
  return 0;
}

Expected<int> status_command(const ipc::OptionValues& values) {
  const auto target = find_target(values);
  if (!target) return target.error();
  const bool json = values.flag("json");
  if (!values.arguments().empty()) return show_run(*target, values.argument(0), json);
  const auto answer = ask(*target, Request("status"), in_ms(kAnswerMs));
  if (!answer) return answer.error();
  print(json ? only("daemon", answer->raw("daemon"))
             : daemon_text(answer->object("daemon"), standard_output(), wall_ms()));
  return 0;
}

}  // namespace charter::client
