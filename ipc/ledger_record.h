// The records of the supervisor's ledger as plain values; charter.capnp describes each field.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

namespace charter::ipc {

struct Place {
  std::uint32_t version = 0;
  std::uint64_t inode = 0;
  std::string machine_id;
  std::string filesystem;
};

struct Accepted {
  std::string run_id;
  std::uint64_t order = 0;
  std::string workflow_id;
  std::string workflow_path;
  std::string started_at;
  std::string state;
  std::string state_file;
  bool adopted_paused = false;
  std::string project_root;
  std::string on_lost{};  // fail, resume or empty
  std::string retry_of{};
  bool sandbox = false;
  std::string command_id{};  // of the run.start it answers, or empty
};

struct Command {
  std::string run_id;
  std::uint64_t number = 0;
  std::string command_id;
  std::string kind;  // approve, refuse, cancel, input, kill
  std::optional<std::string> note;
  std::string input;
  std::int64_t asker_uid = -1;
  std::uint64_t grace_ms = 0;
  std::uint32_t pause = 0;
};

struct CommandDone {
  std::string run_id;
  std::uint64_t number = 0;
  bool ok = true;
  std::string code;
  std::string message;
};

struct Spawned {
  std::string run_id;
  std::uint32_t burst = 1;
  std::int32_t pid = 0;
  std::uint64_t start = 0;
  std::string secret;
};

struct Cursor {
  std::string gateway;
  std::string run_id;
  std::uint64_t seq = 0;
  std::uint64_t offset = 0;
};

struct Closed {
  std::string run_id;
  std::string status;
  bool delivered = false;
};

struct Forgotten {
  std::string run_id;
};

struct Started {
  std::string command_id;
  std::string run_id;
  bool ok = true;
  std::string code;
  std::string message;
  bool run_id_known = true;
};

struct LedgerRecord {
  std::int64_t at_us = 0;
  std::variant<Place, Accepted, Command, CommandDone, Spawned, Cursor, Closed, Forgotten, Started>
      body;
};

}  // namespace charter::ipc
