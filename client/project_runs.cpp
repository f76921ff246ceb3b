#include "client/project_runs.h"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "client/waiting.h"
#include "ipc/job.h"
#include "ipc/json_object.h"
#include "ipc/regular_file.h"
#include "ipc/unique_fd.h"

namespace charter::client {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostStateBytes = std::size_t{1} << 30;  // of what a worker writes
constexpr std::string_view kSuffix = ".json";

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// 2026-01-02T03:04:05.1+00:00 as the wire has it, ending in Z.
std::string wire_time(std::string time) {
  constexpr std::string_view kUtc = "+00:00";
  if (time.ends_with(kUtc)) time.replace(time.size() - kUtc.size(), kUtc.size(), "Z");
  return time;
}

std::string_view state_of(const std::string& status) {
  if (status == "paused") return "paused";
  const bool ended = status == "completed" || status == "failed" || status == "cancelled";
  return ended ? "finished" : "untracked";
}

std::string step_of(const Fields& state) {
  std::string step = state.text("current_step_id");
  if (step.empty() && state.number("current_step_id")) step = state.raw("current_step_id");
  return step;
}

std::string_view waits_at(const Fields& state) {
  const auto waiting = waiting_in(state);
  if (!waiting) return "null";
  return waiting->form ? R"("input")" : R"("gate")";
}

}  // namespace

std::vector<std::string> state_file_ids(const ipc::Layout& layout) {
  std::vector<std::string> ids;
  std::error_code ec;
  for (fs::directory_iterator at(layout.runs_dir(), ec), end; !ec && at != end; at.increment(ec)) {
    std::string name = at->path().filename().string();
    if (!name.ends_with(kSuffix)) continue;
    name.resize(name.size() - kSuffix.size());
    if (ipc::valid_run_id(name)) ids.push_back(std::move(name));
  }
  return ids;
}

std::optional<Fields> read_state_file(const ipc::Layout& layout, const std::string& run) {
  if (!ipc::valid_run_id(run)) return std::nullopt;
  const std::string path = layout.state_file(run);
  const auto file = ipc::open_regular(path, O_RDONLY);
  if (!file) return std::nullopt;
  auto text = ipc::read_all(file->get(), kMostStateBytes);
  if (!text) return std::nullopt;
  auto state = Fields::keep(std::move(*text));
  if (!state || state->text("run_id") != run || state->text("status").empty()) return std::nullopt;
  return std::move(*state);
}

std::string view_of(const ipc::Layout& layout, const std::string& run, const Fields& state) {
  const std::string status = state.text("status");
  const std::string workflow = state.text("workflow_id");
  const std::string plan = layout.root() + "/workflows/" + workflow + "/plan.yml";
  const bool planned = !workflow.empty() && workflow.find('/') == std::string::npos && exists(plan);
  const bool ours = exists(layout.journal(run));
  return ipc::JsonObject()
      .text("run_id", run)
      .text("workflow_id", workflow)
      .text_or_null("workflow_path", planned ? plan : "")
      .text("state", state_of(status))
      .text("status", status)
      .text("started_at", wire_time(state.text("created_at")))
      .text("updated_at", wire_time(state.text("updated_at")))
      .text("step", status == "completed" ? "" : step_of(state))
      .raw("waits_at", status == "paused" ? waits_at(state) : "null")
      .text("by", ours ? "daemon" : "file")
      .raw("events", "null")
      .raw("delivered", "null")
      .text_or_null("error", state.text("error"))
      .raw("retry_of", "null")
      .raw("guardian_pid", "null")
      .str();
}

}  // namespace charter::client
