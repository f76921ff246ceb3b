// Moves runs between the states of registry.h: gives slots, starts workers, and decides what
// becomes of a run whose worker has ended.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include "ipc/layout.h"
#include "supervisor/burst.h"
#include "supervisor/clock.h"
#include "supervisor/decide.h"
#include "supervisor/fresh_journals.h"
#include "supervisor/kill_ladder.h"
#include "supervisor/launcher.h"
#include "supervisor/ledger.h"
#include "supervisor/paused_watch.h"
#include "supervisor/pending_files.h"
#include "supervisor/run.h"
#include "supervisor/slot_queue.h"
#include "supervisor/tailer.h"

namespace charter::supervisor {

class Conductor {
 public:
  struct Parts {
    boost::asio::any_io_executor executor;
    const ipc::Layout& layout;
    Ledger& ledger;
    SyncThread& disk;
    Launcher& launcher;
    Tailer& tailer;
    ChildTable& children;
  };
  struct Hooks {
    std::function<void(const RunPtr&)> announce;      // the gateway shall hear of its status
    std::function<void(const RunPtr&)> events_ready;  // durable events it has not been sent
    std::function<void(const RunPtr&)> finished;      // terminal, durable, its worker gone
    std::function<bool()> disk_is_short;              // looks, for who could not write
  };

  Conductor(Parts parts, std::size_t slots, Hooks hooks);

  // A run was accepted, durably: it waits for a slot, or as its state file says.
  void enqueue(const RunPtr& run);
  // A command was appended to run->commands, durably.
  void command_accepted(const RunPtr& run);
  // A run with a burst that holds its whole journal's summary, found at start.
  void found(const RunPtr& run, const Facts& facts);
  // The last of these has been said: new starts may begin.
  void recovered();

  // From launcher, tailer and doorbell.
  void worker_ended(const RunPtr& run, std::optional<int> status);
  void frames_read(const RunPtr& run);
  void durable(const RunPtr& run);
  void sync_failed(const RunPtr& run);
  void step_begun(const RunPtr& run, std::uint64_t number);
  void hello(const RunPtr& run);

  // While set, nothing is started or ended by itself.
  void set_holding(bool holding);
  // No burst begins while the disk is nearly full; ends are written.
  void set_starved(bool starved);
  // How many runs may execute at once, from now on.
  void set_slots(std::size_t slots) {
    slots_.set_slots(slots);
    fill_slots();
  }
  // No burst begins; ends are written, and what executes goes on.
  void set_draining(bool draining);
  [[nodiscard]] bool holding() const { return holding_; }
  [[nodiscard]] std::size_t live() const { return live_.size(); }
  // Whether some worker lives or is about to, or an end is still to be written.
  [[nodiscard]] bool busy() const {
    return !live_.empty() || !projects_.empty() || !lingering_.empty();
  }

 private:
  struct Project {
    RunPtr run;
    std::optional<ipc::Command> command;
    std::string reason;
  };

  // A run whose worker could not be started by its own fault, and the end it is to get, if any.
  struct Aside {
    RunPtr run;
    std::optional<Project> order;
    BootClock::time_point due;  // of one that is held meanwhile
  };

  using Unsettled = std::pair<RunPtr, BootClock::time_point>;

  // conductor.cpp: slots and launches
  void fill_slots();
  [[nodiscard]] bool may_start() const { return !holding_ && !recovering_ && !backing_off_; }
  void take_on(const RunPtr& run);
  bool wait_by_file(const RunPtr& run);  // whether the file says that it waits
  void files_made(const RunPtr& run);
  void begin(const RunPtr& run);
  void step_back(const RunPtr& run);
  void launched(const RunPtr& run, bool announce);
  void launch_failed(const RunPtr& run, const LaunchFault& fault);
  void try_later(const RunPtr& run, std::optional<Project> order, const ipc::Error& error);
  void try_again(Aside one);
  void try_held_again();
  void project(const RunPtr& run, const ipc::Command* command, std::string reason);
  void start_projects();
  void start_project(Project order);
  void commands_take_effect(const RunPtr& run);
  void drop_late_decisions(Run& run);
  [[nodiscard]] bool disk_is_short() const;
  void drop_vain_decision(Run& run);
  void done(Run& run, const ipc::Command& command, bool ok, const char* code);
  void pulse();
  void look_into_changed_files();
  void check(const RunPtr& run);
  void arm_pulse();
  void retry_soon();

  // settle.cpp: after a worker
  void settle(const RunPtr& run);
  void end_orphans(pid_t session = 0);
  void act(const RunPtr& run, Action action);
  void go_on(const RunPtr& run);
  void adopt(const RunPtr& run);
  void wait_for_lock(const RunPtr& run);
  void close_when_durable(const RunPtr& run, Burst::Closing how);
  void wait_for_reads(const RunPtr& run);
  void end_later(const RunPtr& run);
  void settle_later(const RunPtr& run, BootClock::time_point due);
  void settle_again();
  void wait_for_disk(const RunPtr& run);
  void conclude(const RunPtr& run);
  void finish(const RunPtr& run);
  void close_burst(const RunPtr& run);
  void free_slot(Run& run);
  void hold(const RunPtr& run, const std::string& why);
  void show_held(const RunPtr& run);
  [[nodiscard]] Facts facts_of(const Run& run) const;
  [[nodiscard]] std::string loss_of(const Run& run) const;

  Parts parts_;
  Hooks hooks_;
  SlotQueue slots_;
  KillLadder kills_;
  FreshJournals fresh_journals_;
  PendingFiles pending_files_;
  PausedWatch paused_watch_;
  bool holding_ = false;
  bool starved_ = false;
  bool draining_ = false;
  bool recovering_ = true;
  bool filling_ = false;
  std::unordered_set<RunPtr> live_;  // with a burst, or about to have one
  std::vector<RunPtr> lingering_;    // guardian gone, lock still held
  // Without a worker, and not settled; when each is tried again.
  std::vector<Unsettled> unsettled_;
  std::deque<Project> projects_;
  std::size_t projecting_ = 0;
  std::string boot_id_;
  Timer pulse_;
  Timer linger_;
  Timer retry_;
  Timer aside_timer_;
  std::vector<Aside> aside_;  // those tried again when it fires
  std::vector<Aside> held_aside_;
  bool backing_off_ = false;
};

}  // namespace charter::supervisor
