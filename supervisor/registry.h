// Every run that is not over and delivered.
//
// States, and what moves a run from one to the next:
//
//   state        what is so                                     moves to
//   queued       accepted; waits for a slot                     starting (slot), ending (cancel)
//   starting     a worker was spawned, no frame of its burst    executing (first frame or hello),
//                                                               unreachable (5 s), settle
//   executing    the engine works                               ending (pause or terminal frame,
//                                                               kill), unreachable, settle
//   ending       kill under way, burst closing, or `project`    settle (guardian gone)
//   paused       files only; the state file is the truth        starting (decision and slot),
//                                                               ending (cancel)
//   unreachable  the lock is held, and no hello within 5 s      executing (hello), ending (kill),
//                                                               settle (lock free)
//   held         nothing may be decided without a person        queued, paused, finished (adopt)
//                or the disk does not take its journal,         paused, finished (it does)
//                or no worker can be started for it, or its     queued, paused, finished (tried
//                end not be written down                        again and again)
//   finished     terminal frame, guardian gone                  leaves the registry when delivered
//
// "settle" is what is done when the guardian is gone and the lock is free; it is one decision for
// a live daemon and for one that has just started (decide.h):
//
//   ledger           journal lock  last frame               action
//   accepted         no journal    -                        queue
//   accepted, and    no journal    -                        held
//   a worker spawned
//   accepted         held          any                      adopt: await hello, else unreachable
//   accepted         free          none, no step begun      start again; after three: failed
//   accepted         free          opened by a decision,    repeat that decision from the state
//                                  no step begun            file; after three: failed
//   accepted         free          pause                    paused; the state file is the truth
//   the same, taken  none or free  none                     the same, whatever the file says by now
//   on from a state file
//   accepted         free          terminal                 deliver the rest, close
//   accepted         free          behind the last event    `project` tells the rest of the end:
//                                  of a run that is over,   a failed step, a refusal, a terminal
//                                  without a pause frame    event
//   accepted         free          inside a step            `project`: one terminal event that
//                                                           says what was lost
//   accepted         free          a checkpoint             as inside a step
//   the same two, and the run shall outlive its worker      go on behind the last finished step,
//   (--on-lost), no exit frame but a crash's                in the order of the queue; after three
//                                                           bursts without a finished step: failed
//   cancel accepted  no journal    -                        `project` on an empty journal
//   cancel accepted  free          not terminal             `project` appends the cancellation
//   cancel accepted  held          -                        the kill ladder
//   none             held          any                      unreachable, never killed unasked
//   none             free          terminal                 deliver
//   none             free          anything else            held
//
// A slot (--max-runs) is held from starting until the guardian has gone.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ipc/layout.h"
#include "supervisor/ledger_state.h"
#include "supervisor/run.h"

namespace charter::supervisor {

// A delivered run, for `list` and `status`.
struct FinishedRun {
  std::string id;
  std::string workflow_id;
  std::string workflow_path;
  std::string started_at;
  std::string step;
  std::string error;
  std::uint64_t order = 0;
  std::uint64_t events = 0;
  std::int64_t updated_us = 0;
  WireStatus wire = WireStatus::completed;
  std::string retry_of;
  bool sandbox = false;
  std::vector<AnsweredCommand> answered = {};  // with an id, for repeats; the last kKeptAnswers
};

// All that a ledger has to know of a run; of one without an order, whose acceptance it has lost,
// what it knows besides.
void append_records(const Run& run, std::string_view gateway,
                    std::vector<ipc::LedgerRecord>& records);

class Registry {
 public:
  // `resume_lost`: what becomes of runs of whose loss nobody has said anything.
  explicit Registry(const ipc::Layout& layout, bool resume_lost = false)
      : layout_(layout), resume_lost_(resume_lost) {}

  [[nodiscard]] RunPtr find(std::string_view id) const;
  [[nodiscard]] const FinishedRun* find_finished(std::string_view id) const;
  RunPtr add(std::string id);
  // A finished, delivered run becomes an entry of the list of finished ones.
  void retire(const RunPtr& run);
  void remember(FinishedRun finished);
  // Of a command to a run that is over, wherever it is kept by now.
  void add_answer(const RunPtr& run, AnsweredCommand answer);
  struct Forgotten {
    RunPtr run;
    Delivery delivery;
    std::optional<FinishedRun> finished;
  };
  // Drops a run that is over; whoever still holds it finds nothing left to send. Snapshots have it
  // until either of the next two is called.
  Forgotten forget(const std::string& id);
  // The ledger has forgotten it, too.
  void forgotten(const std::string& id);
  // As it was before; the relay has to be told of it anew.
  void put_back(Forgotten forgotten);

  enum class IdUse { free, active, used_before };
  // Whether a new run may have this id: neither ledger, journal nor state file knows it, and no
  // other request is about to take it. Looks at the disk.
  [[nodiscard]] IdUse use_of(const std::string& id) const;
  // Removes a journal without a single frame of a run that nobody knows: it was made for a request
  // that was never answered.
  void drop_unused_journal(const std::string& id) const;
  // Whether there is a journal that is not such a one.
  [[nodiscard]] static bool has_used_journal(const ipc::Layout& layout, const std::string& id);
  [[nodiscard]] static bool has_state_file(const ipc::Layout& layout, const std::string& id);
  void reserve(const std::string& id) { reserved_.insert(id); }
  void release(const std::string& id) { reserved_.erase(id); }
  [[nodiscard]] bool is_reserved(const std::string& id) const { return reserved_.contains(id); }

  [[nodiscard]] std::size_t size() const { return runs_.size(); }
  [[nodiscard]] std::vector<RunPtr> in_order() const;
  [[nodiscard]] const std::deque<FinishedRun>& finished() const { return finished_; }
  void each(const std::function<void(const RunPtr&)>& visit) const;

  struct Counts {
    std::size_t queued = 0;
    std::size_t executing = 0;  // every run with a worker
    std::size_t paused = 0;
    std::size_t unreachable = 0;
    std::size_t held = 0;
    std::size_t finished_undelivered = 0;
    std::uint64_t undelivered_events = 0;
    std::size_t undelivered_runs = 0;
  };
  [[nodiscard]] Counts counts() const;

  // The records a compacted ledger begins with: everything about the runs kept here. `gateway`
  // names whose cursors they are.
  [[nodiscard]] std::vector<ipc::LedgerRecord> snapshot(std::string_view gateway) const;

 private:
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  const ipc::Layout& layout_;
  bool resume_lost_;
  std::unordered_map<std::string, RunPtr, TextHash, std::equal_to<>> runs_;
  std::unordered_set<std::string> reserved_;
  std::deque<FinishedRun> finished_;
  std::unordered_map<std::string, Forgotten> leaving_;  // not forgotten by the ledger yet
};

}  // namespace charter::supervisor
