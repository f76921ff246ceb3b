#include "gateway/command_table.h"

namespace charter::gateway {
namespace {

// Word for word the condition of the partial index, so that it can serve.
constexpr std::string_view kOpen = "state IN ('pending', 'sent', 'delivered')";

std::string select(std::string_view rest) {
  return "SELECT id, command_id, kind, run, run_id, worker_id, wait_seq, message, state, sends,"
         " code, reason, created_us, sent_us, settled_us, wait_step, wait_pause FROM commands "
         "WHERE " +
         std::string(rest);
}

std::string select_open(std::string_view rest) {
  return select(std::string(kOpen) + std::string(rest) + " ORDER BY id");
}

CommandRow read(const Statement& row) {
  return {.id = row.integer(0),
          .command_id = std::string(row.text(1)),
          .kind = std::string(row.text(2)),
          .run = row.maybe_integer(3),
          .run_id = std::string(row.text(4)),
          .worker_id = row.maybe_text(5),
          .wait_seq = row.maybe_integer(6),
          .wait_step = row.maybe_text(15),
          .wait_pause = row.maybe_integer(16),
          .message = std::string(row.text(7)),
          .state = std::string(row.text(8)),
          .sends = row.integer(9),
          .code = row.maybe_text(10),
          .reason = row.maybe_text(11),
          .created_us = row.integer(12),
          .sent_us = row.maybe_integer(13),
          .settled_us = row.maybe_integer(14)};
}

std::vector<CommandRow> read_all(Statement& statement) {
  const ScopedReset reset_at_end(statement);
  std::vector<CommandRow> rows;
  while (statement.step()) rows.push_back(read(statement));
  return rows;
}

std::optional<CommandRow> read_one(Statement& statement) {
  auto rows = read_all(statement);
  if (rows.empty()) return std::nullopt;
  return std::move(rows.front());
}

}  // namespace

CommandTable::CommandTable(Database& database)
    : database_(database),
      insert_(database,
              "INSERT INTO commands (command_id, kind, run, run_id, worker_id, wait_seq, message,"
              " state, sends, created_us, wait_step, wait_pause)"
              " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'pending', 0, ?8, ?9, ?10)"),
      find_(database, select("command_id = ?1")),
      open_(database, select_open("")),
      open_of_run_(database, select_open(" AND run = ?1")),
      open_start_(database, select_open(" AND run IS NULL AND kind = 'start' AND run_id = ?1"
                                        " AND worker_id = ?2")),
      assign_(database, "UPDATE commands SET worker_id = ?2 WHERE id = ?1"),
      moved_(database,
             "UPDATE commands SET state = ?2, sends = ?3, sent_us = ?4"
             " WHERE id = ?1 AND state IN ('pending', 'sent', 'delivered')"
             " AND (sends < ?3 OR (sends = ?3 AND state <> 'delivered'))"),
      settle_(database,
              "UPDATE commands SET state = ?2, code = ?3, reason = ?4, settled_us = ?5"
              " WHERE id = ?1 AND state IN ('pending', 'sent', 'delivered')") {}

void CommandTable::insert(CommandRow& row) {
  insert_.bind(1, row.command_id).bind(2, row.kind).bind_optional(3, row.run);
  insert_.bind(4, row.run_id).bind_optional(5, row.worker_id).bind_optional(6, row.wait_seq);
  insert_.bind(7, row.message).bind(8, row.created_us).bind_optional(9, row.wait_step);
  insert_.bind_optional(10, row.wait_pause).run();
  row.id = database_.last_id();
}

std::optional<CommandRow> CommandTable::find(std::string_view command_id) {
  find_.bind(1, command_id);
  return read_one(find_);
}

std::vector<CommandRow> CommandTable::open() { return read_all(open_); }

std::vector<CommandRow> CommandTable::open_of_run(std::int64_t run) {
  open_of_run_.bind(1, run);
  return read_all(open_of_run_);
}

std::optional<CommandRow> CommandTable::open_start(std::string_view run_id,
                                                   std::string_view worker_id) {
  open_start_.bind(1, run_id).bind(2, worker_id);
  return read_one(open_start_);
}

void CommandTable::assign(std::int64_t id, std::string_view worker_id) {
  assign_.bind(1, id).bind(2, worker_id).run();
}

void CommandTable::moved(const CommandProgress& progress) {
  moved_.bind(1, progress.id).bind(2, progress.state).bind(3, progress.sends);
  moved_.bind_optional(4, progress.sent_us).run();
}

void CommandTable::settle(std::int64_t id, const Verdict& verdict, std::int64_t now_us) {
  settle_.bind(1, id).bind(2, std::string_view(verdict.ok ? "done" : "failed"));
  settle_.bind_optional(3, verdict.code).bind_optional(4, verdict.reason).bind(5, now_us).run();
}

}  // namespace charter::gateway
