// Runs, as far as the gateway has been told of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/database.h"

namespace charter::gateway {

struct RunRow {
  std::int64_t id = 0;
  std::string worker_id = {};
  std::string run_id = {};
  std::string started_at = {};  // empty: unknown
  std::string workflow = {};
  std::optional<std::string> workflow_path = {};
  std::string status = {};
  std::int64_t connection = 0;
  std::int64_t next_seq = 0;
  std::int64_t events = 0;
  std::int64_t bytes = 0;
  std::optional<std::int64_t> wait_seq = {};
  std::optional<std::string> wait_kind = {};  // gate or input
  std::optional<std::string> wait_step = {};
  std::optional<std::int64_t> wait_pause = {};
  std::optional<std::string> error = {};
  std::int64_t announced_us = 0;
  std::int64_t updated_us = 0;
  std::optional<std::int64_t> finished_us = {};
};

// Which runs of a list; an empty text is no condition.
struct RunFilter {
  std::string run_id = {};
  std::string status = {};
  std::string workflow = {};
  std::string worker_id = {};
  std::string text = {};  // in the run's id, workflow or worker; ASCII letters in either case
};

// A workflow that has had runs.
struct WorkflowRow {
  std::string workflow;
  std::int64_t runs = 0;
};

class RunTable {
 public:
  explicit RunTable(Database& database);

  [[nodiscard]] std::optional<RunRow> get(std::int64_t id);
  [[nodiscard]] std::optional<RunRow> find(std::string_view run_id, std::string_view worker_id,
                                           std::string_view started_at);
  // The latest run of that id, of any worker when `worker_id` is empty.
  [[nodiscard]] std::optional<RunRow> latest(std::string_view run_id, std::string_view worker_id);
  // At most `limit` runs below `cursor` (0: from the newest), newest first.
  [[nodiscard]] std::vector<RunRow> list(const RunFilter& filter, std::int64_t cursor,
                                         std::int64_t limit);

  // By name, at most `limit`.
  [[nodiscard]] std::vector<WorkflowRow> workflows(std::int64_t limit);

  // Gives the row its id.
  void insert(RunRow& row);
  // What may change of a run. The status is a statement of its own because it is indexed and
  // rarely changes.
  void update(const RunRow& row, bool status_changed);

 private:
  Database& database_;
  Statement get_, find_, latest_, insert_, update_, update_status_;
};

}  // namespace charter::gateway
