#include "supervisor/paused_state.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "ipc/job.h"
#include "ipc/json_scan.h"
#include "ipc/regular_file.h"
#include "supervisor/run_files.h"

namespace charter::supervisor {
namespace {

std::string text_of(const std::vector<ipc::JsonMember>& members, std::string_view key) {
  const ipc::JsonMember* member = ipc::find(members, key);
  return member == nullptr ? std::string() : ipc::json_string(member->raw).value_or("");
}

// The type of the step the run waits at, from the stored snapshot.
PauseKind kind_of_step(const ipc::JsonMember* snapshot, const std::string& step) {
  if (snapshot == nullptr) return PauseKind::gate;
  const auto members = ipc::scan_object(snapshot->raw, kStateLimits);
  const ipc::JsonMember* steps = members ? ipc::find(*members, "steps") : nullptr;
  if (steps == nullptr) return PauseKind::gate;
  const auto list = ipc::scan_array(steps->raw, kStateLimits);
  if (!list) return PauseKind::gate;
  for (const ipc::JsonMember& one : *list) {
    const auto fields = ipc::scan_object(one.raw, kStateLimits);
    if (!fields || text_of(*fields, "id") != step) continue;
    return text_of(*fields, "type") == "input" ? PauseKind::input : PauseKind::gate;
  }
  return PauseKind::gate;
}

FileIdentity identity_of(const struct stat& info) {
  return {info.st_ino,
          std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + std::int64_t{info.st_mtim.tv_nsec},
          static_cast<std::uint64_t>(info.st_size)};
}

// The text is empty when there is no such file.
struct StateText {
  std::string text;
  FileIdentity file;
};
StateText state_text(const ipc::Layout& layout, const std::string& run_id) {
  if (!ipc::valid_run_id(run_id)) return {};
  const auto file = ipc::open_regular(layout.state_file(run_id), O_RDONLY | O_NOFOLLOW);
  struct stat info {};
  if (!file || ::fstat(file->get(), &info) != 0) return {};
  auto text = ipc::read_all(file->get(), kStateLimit);
  return {text ? std::move(*text) : std::string(), identity_of(info)};
}

// Empty when it is another run's.
std::string status_of(const std::vector<ipc::JsonMember>& members, const std::string& run_id) {
  return text_of(members, "run_id") == run_id ? text_of(members, "status") : std::string();
}

}  // namespace

std::optional<FileIdentity> identity_of(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return identity_of(info);
}

std::optional<PausedState> read_paused_state(const ipc::Layout& layout, const std::string& run_id) {
  const auto [text, file] = state_text(layout, run_id);
  const auto members = ipc::scan_object(text, kStateLimits);  // views of it
  if (!members || status_of(*members, run_id) != "paused") return std::nullopt;
  PausedState state;
  state.file = file;
  state.workflow_id = text_of(*members, "workflow_id");
  state.step = text_of(*members, "current_step_id");
  state.waits_at = kind_of_step(ipc::find(*members, "workflow_snapshot"), state.step);
  std::string plan = layout.root() + "/workflows/" + state.workflow_id + "/plan.yml";
  if (::access(plan.c_str(), F_OK) == 0) state.workflow_path = std::move(plan);
  return state;
}

std::optional<std::string> status_in_state_file(const ipc::Layout& layout,
                                                const std::string& run_id) {
  const auto [text, file] = state_text(layout, run_id);
  const auto members = ipc::scan_object(text, kStateLimits);
  std::string status = members ? status_of(*members, run_id) : std::string();
  if (status.empty()) return std::nullopt;
  return status;
}

}  // namespace charter::supervisor
