// Commands for daemons, kept until their outcome is known.
//
//   pending ──▶ sent ──▶ delivered ──▶ done | failed
//
//   pending    accepted and on disk; no connection to send it on yet
//   sent       written to a connection that has not confirmed it
//   delivered  the connection confirmed it; final for resume and cancel unless events say more
//   done       answered well, or the run's events show its effect
//   failed     refused by the daemon, or the run ended without it
//
// Every state may jump forward. A connection's end takes `sent` back to `pending` in effect: the
// command is sent again, which is safe because a daemon acts on a command id once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/database.h"

namespace charter::gateway {

// How far a command is on its way.
struct CommandProgress {
  std::int64_t id = 0;
  std::string state = {};
  std::int64_t sends = 0;
  std::optional<std::int64_t> sent_us = {};
};

struct CommandRow {
  std::int64_t id = 0;
  std::string command_id = {};
  std::string kind = {};  // start, resume, cancel, input
  std::optional<std::int64_t> run = {};
  std::string run_id = {};
  std::optional<std::string> worker_id = {};
  std::optional<std::int64_t> wait_seq = {};  // the event it answers
  std::optional<std::string> wait_step = {};  // and its step and pause, where they are known
  std::optional<std::int64_t> wait_pause = {};
  std::string message = {};  // in JSON
  std::string state = "pending";
  std::int64_t sends = 0;
  std::optional<std::string> code = {};
  std::optional<std::string> reason = {};
  std::int64_t created_us = 0;
  std::optional<std::int64_t> sent_us = {};
  std::optional<std::int64_t> settled_us = {};

  // A daemon answers these in JSON, too; the other two are only obeyed there.
  [[nodiscard]] bool answered() const { return kind == "start" || kind == "input"; }
  [[nodiscard]] bool settled() const { return state == "done" || state == "failed"; }
  [[nodiscard]] CommandProgress progress() const { return {id, state, sends, sent_us}; }
};

// How a command ended.
struct Verdict {
  bool ok = true;
  std::optional<std::string> code = {};
  std::optional<std::string> reason = {};
};

class CommandTable {
 public:
  explicit CommandTable(Database& database);

  // Gives the row its id.
  void insert(CommandRow& row);
  [[nodiscard]] std::optional<CommandRow> find(std::string_view command_id);
  // Everything not settled, in the order of acceptance.
  [[nodiscard]] std::vector<CommandRow> open();
  [[nodiscard]] std::vector<CommandRow> open_of_run(std::int64_t run);
  // The start that asked for this run of this worker, if it is not settled.
  [[nodiscard]] std::optional<CommandRow> open_start(std::string_view run_id,
                                                     std::string_view worker_id);

  void assign(std::int64_t id, std::string_view worker_id);
  // Without effect on a command that is settled or further on, so what was refused can be repeated.
  void moved(const CommandProgress& progress);
  // Without effect on a settled command.
  void settle(std::int64_t id, const Verdict& verdict, std::int64_t now_us);

 private:
  Database& database_;
  Statement insert_, find_, open_, open_of_run_, open_start_, assign_, moved_, settle_;
};

}  // namespace charter::gateway
