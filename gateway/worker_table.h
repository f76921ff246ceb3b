// The connections of daemons, as the database remembers them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/database.h"

namespace charter::gateway {

struct WorkerRow {
  std::int64_t connection = 0;
  std::string worker_id = {};
  std::string peer = {};
  std::string protocol = "json";
  std::optional<std::int64_t> max_runs = {};
  std::int64_t connected_us = 0;
  std::int64_t last_seen_us = 0;
};

class WorkerTable {
 public:
  explicit WorkerTable(Database& database);

  // At a start no connection stands. Gives the highest number used so far.
  std::int64_t reset();
  // A daemon has registered. Older connections of that worker id that no longer stand are
  // forgotten: this one takes their place.
  void add(const WorkerRow& row);
  void disconnected(std::int64_t connection, std::int64_t last_seen_us);
  // Whether a daemon of that name has ever been here and is not forgotten.
  [[nodiscard]] bool known(std::string_view worker_id);
  // Those that do not stand, at most `limit`, the latest first.
  [[nodiscard]] std::vector<WorkerRow> absent(std::int64_t limit);

 private:
  Database& database_;
  Statement forget_, insert_, disconnect_, known_, absent_;
};

}  // namespace charter::gateway
