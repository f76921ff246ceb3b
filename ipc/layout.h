// Where everything of a project lies. Pure path arithmetic except for the functions that say so.
#pragma once

#include <string>
#include <string_view>

#include "ipc/error.h"

namespace charter::ipc {

// [A-Za-z0-9][A-Za-z0-9._-]{0,127}
[[nodiscard]] bool valid_run_id(std::string_view id);
inline constexpr std::string_view kRunIdRule = "[A-Za-z0-9][A-Za-z0-9._-]{0,127}";

class Layout {
 public:
  // `root`: absolute project root. `data_dir`: absolute, or empty for <root>/.charter/daemon.
  explicit Layout(std::string root, std::string data_dir = {});

  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] const std::string& data_dir() const { return data_dir_; }
  [[nodiscard]] std::string charter_dir() const;                     // <root>/.charter
  [[nodiscard]] std::string runs_dir() const;                        // <root>/.charter/runs
  [[nodiscard]] std::string state_file(std::string_view run) const;  // runs/<run>.json
  [[nodiscard]] std::string artifacts_dir(std::string_view run) const;
  [[nodiscard]] std::string kv_file() const;         // <root>/.charter/kv.json
  [[nodiscard]] std::string kv_lock() const;         // <root>/.charter/kv.lock
  [[nodiscard]] std::string venv_bin() const;        // <root>/.charter/.venv/bin
  [[nodiscard]] std::string default_socket() const;  // <root>/.charter/daemon.sock
  // Held by the one daemon of the project: <root>/.charter/daemon.lock.
  [[nodiscard]] std::string project_lock() const;

  [[nodiscard]] std::string daemon_lock() const;                    // <data>/lock
  [[nodiscard]] std::string boot_record() const;                    // <data>/boot
  [[nodiscard]] std::string journals_mark() const;                  // <data>/syncing
  [[nodiscard]] std::string ledger_dir() const;                     // <data>/ledger
  [[nodiscard]] std::string journals_dir() const;                   // <data>/journals
  [[nodiscard]] std::string journal(std::string_view run) const;    // journals/<run>.cj
  [[nodiscard]] std::string blobs_dir(std::string_view run) const;  // journals/<run>.blobs
  [[nodiscard]] std::string kill_note(std::string_view run) const;  // journals/<run>.kill
  [[nodiscard]] std::string run_log(std::string_view run) const;    // journals/<run>.log
  // One of the two segments of what the run's steps print: journals/<run>.out0 and .out1.
  [[nodiscard]] std::string output_segment(std::string_view run, unsigned which) const;
  // Where the next of them is made: journals/<run>.out.new.
  [[nodiscard]] std::string output_draft(std::string_view run) const;
  [[nodiscard]] std::string requests_dir() const;  // <data>/requests

  // A short private directory for the doorbell: $XDG_RUNTIME_DIR/charter-daemon/<hash> or
  // /tmp/charter-daemon-<uid>/<hash>. Creates it, mode 0700, and refuses one of another owner.
  [[nodiscard]] Result<std::string> runtime_dir() const;

  // The temporary directory of a sandboxed run, in /tmp because sockets are made there and their
  // paths are short, and what all of them are in. The latter is created with mode 0700; one of
  // another owner is refused.
  [[nodiscard]] std::string scratch_base() const;
  [[nodiscard]] std::string scratch(std::string_view run) const;
  [[nodiscard]] Result<void> create_scratch_base() const;

  // Creates data directory (0700), ledger, journals, requests and .charter/runs (0755).
  [[nodiscard]] Result<void> create() const;
  // Creates .charter/runs alone, for the runs of a project whose data lies elsewhere.
  [[nodiscard]] Result<void> create_runs_dir() const;

 private:
  std::string root_;
  std::string data_dir_;
};

// The nearest directory at or above `from` that is a project: it has charter.yml and one of
// .charter/, workflows/ or a top-level `name:` line with a value. Empty when there is none.
[[nodiscard]] std::string find_project_root(const std::string& from);

// $CHARTER_DAEMON_SOCKET (relative: from the root; empty: unset) or the default.
[[nodiscard]] std::string hand_off_socket(const Layout& layout);

// Asking paths: sun_path holds 107 bytes and a NUL.
inline constexpr std::size_t kMaxSocketPath = 107;

// Makes a directory entry durable.
[[nodiscard]] Result<void> sync_directory(const std::string& path);

}  // namespace charter::ipc
