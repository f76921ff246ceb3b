// The question to worker mode `prepare` and its answer: one encoded request on its standard
// input (a memory file), one encoded reply on its standard output (a pipe), then it exits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/error.h"
#include "ipc/sandbox.h"

namespace charter::ipc {

struct PrepareRequest {
  // `input`: whether the run that waits in the state file `workflow_path` takes the submission
  // `variables` ({"kind":"form","answers":{...}}). `retry`: what a new run begins with that goes on
  // where another ended, from that one's journal, or, when it has not begun, its state file.
  // `describe`: which workflows the project has; the reply's `state_head` is their JSON array.
  enum class Kind { handoff, launch, input, retry, describe };
  Kind kind = Kind::handoff;
  std::string project_root;
  std::string run_id;
  std::string workflow_id;
  std::string workflow_path;
  std::string variables = "{}";
  std::string snapshot;
  bool has_snapshot = false;
  std::string capabilities = "{}";
  bool text_variables = false;
  std::string journal;
  std::string blobs;
  Sandbox sandbox;       // of the secret backends that are asked
  std::string data_dir;  // the daemon's, where there is a sandbox
};

struct FileIdentity {
  std::string path;
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t mtime_ns = 0;
  std::uint64_t size = 0;

  bool operator==(const FileIdentity&) const = default;
};

// The file's identity now; inode 0 when it cannot be read.
[[nodiscard]] FileIdentity identify(const std::string& path);

struct PrepareReply {
  bool ok = false;
  std::string code;
  std::string message;
  std::string workflow_path;
  std::string workflow_id;
  std::string state_head;
  std::string state_tail;
  std::vector<FileIdentity> reads;
  // Of a refused launch: the fault was found only after preparation, so that a command.result
  // carries the run id.
  bool prepared = false;
  bool python = false;  // of an accepted run: it needs an interpreter
  // Of an accepted run: the nearest project around the plan, which may be nested in the daemon's.
  std::string project_root;
};

[[nodiscard]] std::string encode(const PrepareRequest& request);
[[nodiscard]] Result<PrepareRequest> decode_prepare_request(std::string_view bytes);
[[nodiscard]] std::string encode(const PrepareReply& reply);
[[nodiscard]] Result<PrepareReply> decode_prepare_reply(std::string_view bytes);

// The first bytes of a run's state file: status pending, created and updated `at` (the state
// file's own time form). `run_id` has passed valid_run_id(), so it needs no escaping.
[[nodiscard]] std::string initial_state(const PrepareReply& reply, std::string_view run_id,
                                        std::string_view at);

}  // namespace charter::ipc
