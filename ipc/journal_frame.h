// The frames of a run's journal as plain values; charter.capnp describes each field.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace charter::ipc {

struct LeftProcess {
  std::int32_t pid = 0;
  std::string name;
  std::string reason;
};

struct Opened {
  std::string run_id;
  std::uint32_t burst = 1;
  std::string cause;
  std::int32_t guardian_pid = 0;
  std::uint64_t guardian_start = 0;
  std::string boot_id;
  std::string command_id;
  std::string state;
  std::uint64_t pid_namespace = 0;
  bool bare = false;  // in no sandbox; false where nobody has said so
};

struct Event {
  std::string run_id;
  std::uint64_t seq = 0;
  std::string kind;
  std::string step_id;
  std::uint32_t pause = 0;
  bool sensitive = false;
  std::string json;
  std::optional<std::int64_t> stream_seq = std::nullopt;  // that the project's event store gave it
};

struct Intent {
  std::string step_id;
  std::uint32_t attempt = 1;
  std::string step_type;
};

struct StepProcess {
  std::string step_id;
  std::uint32_t attempt = 1;
  std::int32_t session = 0;
  std::uint64_t start = 0;
};

struct Checkpoint {
  std::string step_id;
  std::string outputs;
  std::string blob;
  std::uint64_t blob_size = 0;
};

struct Pause {
  std::uint32_t number = 0;
  std::string step_id;
  std::uint64_t state_inode = 0;
  std::int64_t state_mtime_ns = 0;
  std::uint64_t state_size = 0;
  std::uint64_t state_hash = 0;
};

struct Exit {
  std::string cause;
  std::int32_t signal = 0;
  std::int32_t code = 0;
  std::int64_t asker_uid = -1;
  std::uint64_t elapsed_ms = 0;
  std::vector<LeftProcess> left;
  bool out_of_memory = false;
  std::uint64_t limit_ms = 0;      // of the time, when it is the cause
  std::uint64_t memory_limit = 0;  // bytes, when the kernel ended the engine for want of them
  std::uint64_t memory_peak = 0;
};

struct Terminal {
  std::string status;
  std::string reason;
  std::vector<LeftProcess> left;
  bool file_late = false;  // the state file does not show the end: it could not be written
};

struct JournalFrame {
  std::int64_t at_us = 0;  // microseconds since the Unix epoch
  std::variant<Opened, Event, Intent, StepProcess, Checkpoint, Pause, Exit, Terminal> body;
};

}  // namespace charter::ipc
