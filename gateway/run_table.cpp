#include "gateway/run_table.h"

#include <limits>

namespace charter::gateway {
namespace {

constexpr std::string_view kColumns =
    "id, worker_id, run_id, started_at, workflow, workflow_path, status, connection, next_seq,"
    " events, bytes, wait_seq, wait_kind, error, announced_us, updated_us, finished_us, wait_step,"
    " wait_pause";

std::string select(std::string_view rest) {
  return "SELECT " + std::string(kColumns) + " FROM runs " + std::string(rest);
}

RunRow read(const Statement& row) {
  return {.id = row.integer(0),
          .worker_id = std::string(row.text(1)),
          .run_id = std::string(row.text(2)),
          .started_at = std::string(row.text(3)),
          .workflow = std::string(row.text(4)),
          .workflow_path = row.maybe_text(5),
          .status = std::string(row.text(6)),
          .connection = row.integer(7),
          .next_seq = row.integer(8),
          .events = row.integer(9),
          .bytes = row.integer(10),
          .wait_seq = row.maybe_integer(11),
          .wait_kind = row.maybe_text(12),
          .wait_step = row.maybe_text(17),
          .wait_pause = row.maybe_integer(18),
          .error = row.maybe_text(13),
          .announced_us = row.integer(14),
          .updated_us = row.integer(15),
          .finished_us = row.maybe_integer(16)};
}

std::optional<RunRow> read_one(Statement& statement) {
  const ScopedReset reset_at_end(statement);
  if (!statement.step()) return std::nullopt;
  return read(statement);
}

}  // namespace

RunTable::RunTable(Database& database)
    : database_(database),
      get_(database, select("WHERE id = ?1")),
      find_(database, select("WHERE run_id = ?1 AND worker_id = ?2 AND started_at = ?3")),
      latest_(database, select("WHERE run_id = ?1 AND (?2 = '' OR worker_id = ?2)"
                               " ORDER BY id DESC LIMIT 1")),
      insert_(database,
              "INSERT INTO runs (worker_id, run_id, started_at, workflow, workflow_path, status,"
              " connection, next_seq, events, bytes, wait_seq, wait_kind, error, announced_us,"
              " updated_us, finished_us, wait_step, wait_pause)"
              " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,"
              " ?17, ?18)"),
      update_(
          database,
          "UPDATE runs SET workflow_path = ?2, connection = ?3, next_seq = ?4, events = ?5,"
          " bytes = ?6, wait_seq = ?7, wait_kind = ?8, error = ?9, announced_us = ?10,"
          " updated_us = ?11, finished_us = ?12, wait_step = ?13, wait_pause = ?14 WHERE id = ?1"),
      update_status_(database, "UPDATE runs SET status = ?2 WHERE id = ?1") {}

std::optional<RunRow> RunTable::get(std::int64_t id) {
  get_.bind(1, id);
  return read_one(get_);
}

std::optional<RunRow> RunTable::find(std::string_view run_id, std::string_view worker_id,
                                     std::string_view started_at) {
  find_.bind(1, run_id).bind(2, worker_id).bind(3, started_at);
  return read_one(find_);
}

std::optional<RunRow> RunTable::latest(std::string_view run_id, std::string_view worker_id) {
  latest_.bind(1, run_id).bind(2, worker_id);
  return read_one(latest_);
}

std::vector<RunRow> RunTable::list(const RunFilter& filter, std::int64_t cursor,
                                   std::int64_t limit) {
  std::string where = "WHERE id < ?1";
  // Only the conditions that are given are named, so that their index can serve them.
  const auto condition = [&where](const std::string& value, std::string_view text) {
    if (!value.empty()) where += text;
  };
  condition(filter.run_id, " AND run_id = ?3");
  condition(filter.status, " AND status = ?4");
  condition(filter.workflow, " AND workflow = ?5");
  condition(filter.worker_id, " AND worker_id = ?6");
  condition(filter.text,
            " AND instr(lower(run_id || char(10) || workflow || char(10) || worker_id),"
            " lower(?7)) > 0");
  // The last parameter is always named, because all seven are always bound.
  Statement query(database_, select(where + " AND ?7 IS NOT NULL ORDER BY id DESC LIMIT ?2"));
  query.bind(1, cursor > 0 ? cursor : std::numeric_limits<std::int64_t>::max())
      .bind(2, limit)
      .bind(3, filter.run_id)
      .bind(4, filter.status);
  query.bind(5, filter.workflow).bind(6, filter.worker_id).bind(7, filter.text);
  std::vector<RunRow> rows;
  while (query.step()) rows.push_back(read(query));
  return rows;
}

std::vector<WorkflowRow> RunTable::workflows(std::int64_t limit) {
  Statement query(database_,
                  "SELECT workflow, count(*) FROM runs WHERE workflow <> ''"
                  " GROUP BY workflow ORDER BY workflow LIMIT ?1");
  query.bind(1, limit);
  std::vector<WorkflowRow> rows;
  while (query.step()) rows.push_back({std::string(query.text(0)), query.integer(1)});
  return rows;
}

void RunTable::insert(RunRow& row) {
  insert_.bind(1, row.worker_id).bind(2, row.run_id).bind(3, row.started_at);
  insert_.bind(4, row.workflow).bind_optional(5, row.workflow_path).bind(6, row.status);
  insert_.bind(7, row.connection).bind(8, row.next_seq).bind(9, row.events).bind(10, row.bytes);
  insert_.bind_optional(11, row.wait_seq).bind_optional(12, row.wait_kind);
  insert_.bind_optional(13, row.error).bind(14, row.announced_us).bind(15, row.updated_us);
  insert_.bind_optional(16, row.finished_us).bind_optional(17, row.wait_step);
  insert_.bind_optional(18, row.wait_pause).run();
  row.id = database_.last_id();
}

void RunTable::update(const RunRow& row, bool status_changed) {
  update_.bind(1, row.id).bind_optional(2, row.workflow_path).bind(3, row.connection);
  update_.bind(4, row.next_seq).bind(5, row.events).bind(6, row.bytes);
  update_.bind_optional(7, row.wait_seq).bind_optional(8, row.wait_kind);
  update_.bind_optional(9, row.error).bind(10, row.announced_us).bind(11, row.updated_us);
  update_.bind_optional(12, row.finished_us).bind_optional(13, row.wait_step);
  update_.bind_optional(14, row.wait_pause).run();
  if (status_changed) update_status_.bind(1, row.id).bind(2, row.status).run();
}

}  // namespace charter::gateway
