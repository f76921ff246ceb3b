#include "gateway/worker_table.h"

namespace charter::gateway {

WorkerTable::WorkerTable(Database& database)
    : database_(database),
      forget_(database, "DELETE FROM workers WHERE worker_id = ?1 AND connected = 0"),
      insert_(database,
              "INSERT INTO workers (connection, worker_id, peer, max_runs, connected, connected_us,"
              " last_seen_us, protocol) VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6, ?7)"),
      disconnect_(database,
                  "UPDATE workers SET connected = 0, last_seen_us = ?2 WHERE connection = ?1"),
      known_(database, "SELECT 1 FROM workers WHERE worker_id = ?1"),
      absent_(database,
              "SELECT connection, worker_id, peer, max_runs, connected_us, last_seen_us, protocol"
              " FROM workers WHERE connected = 0 ORDER BY connection DESC LIMIT ?1") {}

std::int64_t WorkerTable::reset() {
  database_.execute("UPDATE workers SET connected = 0 WHERE connected = 1");
  Statement highest(database_,
                    "SELECT max(coalesce((SELECT max(connection) FROM workers), 0),"
                    " coalesce((SELECT max(connection) FROM runs), 0))");
  highest.step();
  return highest.integer(0);
}

void WorkerTable::add(const WorkerRow& row) {
  forget_.bind(1, row.worker_id).run();
  insert_.bind(1, row.connection).bind(2, row.worker_id).bind(3, row.peer);
  insert_.bind_optional(4, row.max_runs).bind(5, row.connected_us).bind(6, row.last_seen_us);
  insert_.bind(7, row.protocol).run();
}

void WorkerTable::disconnected(std::int64_t connection, std::int64_t last_seen_us) {
  disconnect_.bind(1, connection).bind(2, last_seen_us).run();
}

bool WorkerTable::known(std::string_view worker_id) {
  const ScopedReset reset_at_end(known_);
  known_.bind(1, worker_id);
  return known_.step();
}

std::vector<WorkerRow> WorkerTable::absent(std::int64_t limit) {
  const ScopedReset reset_at_end(absent_);
  absent_.bind(1, limit);
  std::vector<WorkerRow> rows;
  while (absent_.step()) {
    rows.push_back({.connection = absent_.integer(0),
                    .worker_id = std::string(absent_.text(1)),
                    .peer = std::string(absent_.text(2)),
                    .protocol = std::string(absent_.text(6)),
                    .max_runs = absent_.maybe_integer(3),
                    .connected_us = absent_.integer(4),
                    .last_seen_us = absent_.integer(5)});
  }
  return rows;
}

}  // namespace charter::gateway
