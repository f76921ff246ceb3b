// The stock JSON messages: builders for what goes out, one reader for what comes in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ipc/json_scan.h"

namespace charter::supervisor {

// ---- out: compact JSON, keys in the protocol's order, nulls written ----

[[nodiscard]] std::string register_message(std::string_view worker_id, std::int64_t max_runs,
                                           const std::vector<std::string>& active_runs);

struct Announcement {
  std::string_view run_id;
  std::string_view status;                        // running, paused, completed, failed, cancelled
  std::optional<std::string_view> workflow_path;  // absent ones travel as null
  std::optional<std::string_view> started_at;
};
[[nodiscard]] std::string announced_message(std::string_view worker_id, const Announcement& run);

// `event` is the event's JSON object, spliced in unchanged.
[[nodiscard]] std::string event_message(std::string_view worker_id, std::string_view run_id,
                                        std::uint64_t seq, std::string_view occurred_at,
                                        std::string_view event,
                                        std::optional<std::int64_t> stream_seq = std::nullopt);

[[nodiscard]] std::string heartbeat_message(std::string_view worker_id, std::uint64_t running,
                                            std::uint64_t paused);

struct CommandOutcome {
  bool ok = true;
  std::string code;  // both empty when ok: they travel as null
  std::string message;
};
// `run_id` is null on the wire where a preparation failed.
[[nodiscard]] std::string command_result_message(std::string_view worker_id,
                                                 std::optional<std::string_view> run_id,
                                                 std::string_view command_id,
                                                 const CommandOutcome& outcome);

// The answer to a command, as either protocol can carry it.
struct CommandAnswer {
  std::string command_id;
  std::optional<std::string> run_id;
  CommandOutcome outcome;
  bool malformed = false;  // a command.error: the code is always `invalid_command`
};
[[nodiscard]] CommandAnswer malformed_command(std::string command_id, std::string message);

// The code is always `invalid_command`.
[[nodiscard]] std::string command_error_message(std::string_view command_id,
                                                std::string_view message);

// ---- in ----

// Ids of commands are kept: with a run, with the last starts, and in the ledger.
inline constexpr std::size_t kMaxCommandId = 1024;  // bytes
inline constexpr const char* kCommandIdTooLong = "command_id: must have at most 1024 bytes";

// The pause that a command answers; nothing where it names none, as in JSON.
struct PauseName {
  std::uint32_t number = 0;
  std::string step;
};

struct RunStart {
  std::string command_id;
  std::string workflow_id;
  std::optional<std::string> run_id;  // nothing where it was absent, null or empty
  std::string variables = "{}";       // the JSON object as it was sent
};

struct RunResume {
  std::string run_id;
  bool approved = false;
  std::optional<std::string> note;
  std::optional<std::string> command_id;
  PauseName pause{};
  bool wants_answer = false;  // in Cap'n Proto
};

struct RunCancel {
  std::string run_id;
  std::optional<std::string> note;
  std::optional<std::string> command_id;
  bool wants_answer = false;  // in Cap'n Proto
};

struct RunInput {
  std::string run_id;
  std::string command_id;
  std::string kind;
  std::string input;  // the JSON object as it was sent
  PauseName pause{};
};

// A command that cannot be obeyed but can be answered, with command_error_message: in JSON a
// run.start alone.
struct Malformed {
  std::string command_id;
  std::string message;  // "<field path>: <reason>" in the reference's words
};

// Anything else: dropped, the connection stays.
struct Ignored {
  std::string what;  // for the log: the message's type and the offending field, never contents
};

using Inbound = std::variant<RunStart, RunResume, RunCancel, RunInput, Malformed, Ignored>;

// Of the JSON that a gateway sends, in either protocol.
[[nodiscard]] ipc::JsonLimits inbound_limits();

// Reads one text message of the gateway with the reference's rules of acceptance. Never throws on
// what it reads.
[[nodiscard]] Inbound parse_inbound(std::string_view text);

}  // namespace charter::supervisor
