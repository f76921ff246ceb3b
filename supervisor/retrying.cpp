#include "supervisor/retrying.h"

#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <optional>
#include <string_view>
#include <utility>

#include "supervisor/run_files.h"
#include "supervisor/run_view.h"

namespace charter::supervisor {
namespace {

Refusal not_retryable(std::string_view id, std::string_view why) {
  return {"not_retryable", fmt::format("Run '{}' cannot be retried: {}", id, why)};
}

bool is_there(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// What is known of a run that is over.
std::variant<FinishedRun, Refusal> find_over(const ipc::Layout& layout, const Registry& registry,
                                             const std::string& id) {
  const Refusal unknown{"unknown_run", fmt::format("No run '{}'", id)};
  if (!ipc::valid_run_id(id) || registry.is_reserved(id)) return unknown;
  if (const RunPtr run = registry.find(id)) {
    if (run->state != RunState::finished) {
      return not_retryable(id, fmt::format("it is not over ({})", name_of(run->state)));
    }
    FinishedRun finished;
    finished.workflow_path = run->workflow_path;
    finished.wire = run->wire;
    finished.sandbox = run->sandbox;
    return finished;
  }
  if (const FinishedRun* finished = registry.find_finished(id)) return *finished;
  if (auto finished = finished_in_journal(layout, id)) return std::move(*finished);
  if (is_there(layout.journal(id)))
    return not_retryable(id, "its journal does not say that it ended");
  if (!Registry::has_state_file(layout, id)) return unknown;
  return not_retryable(id, "it has no journal: it is not this daemon's, or not kept any more");
}

}  // namespace

std::variant<Intake::Order, Refusal> retry_order(const ipc::Layout& layout,
                                                 const Registry& registry,
                                                 const std::string& old_id, std::string new_id) {
  auto found = find_over(layout, registry, old_id);
  if (auto* refusal = std::get_if<Refusal>(&found)) return std::move(*refusal);
  const auto& old = std::get<FinishedRun>(found);
  if (old.wire == WireStatus::completed) return not_retryable(old_id, "it has completed");
  Intake::Order order;
  order.run_id = std::move(new_id);
  order.retry_of = old_id;
  order.sandbox = old.sandbox;
  order.workflow_path = old.workflow_path;
  order.question.kind = ipc::PrepareRequest::Kind::retry;
  order.question.journal = layout.journal(old_id);
  order.question.blobs = layout.blobs_dir(old_id);
  if (!is_there(order.question.journal)) {
    return not_retryable(old_id, "its journal is not kept any more (--retain, --retain-bytes)");
  }
  const std::string root = nested_project(layout, old_id);
  const ipc::Layout home = root.empty() ? layout : ipc::Layout(root, layout.data_dir());
  order.question.workflow_path = home.state_file(old_id);
  return order;
}

bool UntilOver::awaits(const Run& run) {
  return run.state == RunState::ending && is_terminal(run.wire);
}

void UntilOver::moved(Run& run) {
  if (!awaits(run) && then_) std::exchange(then_, nullptr)();
}

}  // namespace charter::supervisor
