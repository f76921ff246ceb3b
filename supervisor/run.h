// One run as the supervisor keeps it: small, and without any descriptor unless a worker lives.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/journal.h"
#include "ipc/layout.h"
#include "ipc/ledger_record.h"
#include "ipc/unique_fd.h"

namespace charter::supervisor {

struct Burst;      // burst.h: what exists only while a worker lives
class RunWatcher;  // run_watcher.h: who wants to hear of a run's progress

// Ours; the table of moves is at the top of registry.h.
enum class RunState { queued, starting, executing, paused, ending, finished, unreachable, held };

// What gateways see.
enum class WireStatus { running, paused, completed, failed, cancelled };

[[nodiscard]] std::string_view name_of(RunState state);
[[nodiscard]] std::string_view name_of(WireStatus status);
[[nodiscard]] std::optional<WireStatus> wire_status(std::string_view name);
[[nodiscard]] bool is_terminal(WireStatus status);

// What becomes of a run whose worker is lost, as --on-lost and requests name it.
inline constexpr const char* kFailLost = "fail";
inline constexpr const char* kResumeLost = "resume";

// What a run waits at.
enum class PauseKind { none, gate, input };

// How far a run's journal has been read, and how far each reader of it has come. Events are counted
// by seq; an offset is where in the journal the event of that seq can be found.
struct Progress {
  std::uint64_t next_seq = 0;               // one behind the last event read
  std::uint64_t end = ipc::kLogHeaderSize;  // behind the last frame read
  std::uint64_t synced_seq = 0;  // events below it are durable: only those are ever shown
  std::uint64_t synced_end = ipc::kLogHeaderSize;
};

// Which of the relay's queues a run is in.
enum class RelayQueue : std::uint8_t { none, fresh, repeats };

// What the gateway has of it.
struct Delivery {
  std::uint64_t confirmed_seq = 0;
  std::uint64_t confirmed_offset = ipc::kLogHeaderSize;
  std::uint64_t sent_seq = 0;  // on this connection
  std::uint64_t sent_offset = ipc::kLogHeaderSize;
  std::uint64_t acked_seq = 0;     // below it acknowledged on this connection, in Cap'n Proto
  std::uint64_t first_unsent = 0;  // events from here on were never sent on any connection
  bool visible = false;            // the gateway may hear of it: it has begun, or ended unbegun
  bool announce = false;           // an announcement is due
  RelayQueue queue = RelayQueue::none;
  std::uint32_t failed_reads = 0;  // in a row, of its journal
  bool noted = true;               // the ledger knows confirmed_seq, or will
};

struct AnsweredCommand {
  std::uint64_t number = 0;
  std::string command_id;
  std::string kind;
  bool ok = true;
  std::string code;
  std::string message;
};

struct Run {
  std::string id;
  std::string workflow_id;
  std::string workflow_path;
  std::string project_root;  // of a project nested in the daemon's that it belongs to, or empty
  std::string retry_of;      // the run whose finished steps it began with, or empty
  std::string started_at;    // acceptance, as announced
  std::uint64_t order = 0;
  RunState state = RunState::queued;
  WireStatus wire = WireStatus::running;
  PauseKind waits_at = PauseKind::none;
  bool holds_slot = false;
  bool python = false;           // as far as is known, some of its integrations are Python
  bool sandbox = false;          // it was accepted into one, and stays in it
  bool adopted_paused = false;   // taken on from a paused state file
  bool started_burst = false;    // a burst's first frame has been seen
  bool resume_lost = false;      // with its worker lost it goes on behind its last finished step
  bool on_lost_said = false;     // by whoever started it, not by the daemon's --on-lost
  bool goes_on = false;          // the next burst is to do that
  std::uint32_t files_busy = 0;  // of its first files, how many are being made right now
  std::uint32_t bursts = 0;
  std::uint32_t pauses = 0;
  std::uint32_t fruitless_starts = 0;  // bursts in a row that died before any step
  std::uint32_t stalled_bursts = 0;    // bursts in a row that finished no step
  std::uint32_t vain_bursts = 0;  // in a row that a decision began and that left the run waiting
  std::uint32_t failed_projects = 0;  // times that `project` could not end it
  std::uint32_t failed_launches = 0;  // in a row, and by its own fault
  std::int64_t updated_us = 0;
  std::string step;   // open, or waited at
  std::string error;  // of the run's failure
  Progress progress;
  Delivery delivery;

  std::string state_bytes;      // the initial run state, until a burst has begun
  std::string state_path;       // or the file that holds it, when large
  ipc::UniqueFd fresh_journal;  // made for a run that begins at once, and not yet used
  bool journal_named = false;   // its entry in the journals' directory is durable

  bool decision_under_way = false;        // one is being looked at or written down
  std::vector<ipc::Command> commands;     // accepted, their effect still to come
  std::vector<AnsweredCommand> answered;  // commands with an id, for repeats
  std::vector<std::weak_ptr<RunWatcher>> watchers;
  std::shared_ptr<Burst> burst;      // while a worker lives
  std::shared_ptr<Burst> launching;  // of the worker that is being made right now
  bool project_due = false;          // worker mode `project` is to end it
  bool forgotten = false;            // and nothing may begin for it any more
  bool leaving = false;              // the same, but the ledger may refuse to forget it
  bool file_late = false;            // it is over, and its state file does not show it
  std::unique_ptr<ipc::Exit> exit;   // of a run that was killed: for who asked

  Run();
  ~Run();
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  // What the ledger says of its acceptance, but for the state.
  void take(const ipc::Accepted& accepted);
  [[nodiscard]] ipc::Accepted accepted() const;
  // Everything has reached the gateway.
  [[nodiscard]] bool delivered() const {
    return state == RunState::finished && delivery.confirmed_seq >= progress.next_seq;
  }
  [[nodiscard]] const ipc::Command* first_command(std::string_view kind) const;
  // The accepted cancellation or kill, and the accepted decision upon the present pause.
  [[nodiscard]] const ipc::Command* cancellation() const;
  [[nodiscard]] const ipc::Command* decision() const;
  // It was taken on, and no worker has written of it yet: all there is to go by is its state file.
  [[nodiscard]] bool waits_by_file() const { return adopted_paused && !started_burst; }
  // Where its files lie, in a daemon with this layout.
  [[nodiscard]] ipc::Layout layout(const ipc::Layout& daemon) const;
};

using RunPtr = std::shared_ptr<Run>;

}  // namespace charter::supervisor
