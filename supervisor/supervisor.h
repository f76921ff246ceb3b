// The parts of a running daemon, wired to each other.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "ipc/layout.h"
#include "supervisor/commands.h"
#include "supervisor/conductor.h"
#include "supervisor/control_server.h"
#include "supervisor/doorbell_server.h"
#include "supervisor/drain.h"
#include "supervisor/forgetting.h"
#include "supervisor/group_sweeper.h"
#include "supervisor/inbox.h"
#include "supervisor/intake.h"
#include "supervisor/late_files.h"
#include "supervisor/launcher.h"
#include "supervisor/ledger.h"
#include "supervisor/link/link.h"
#include "supervisor/metrics.h"
#include "supervisor/preparer.h"
#include "supervisor/recovery.h"
#include "supervisor/registry.h"
#include "supervisor/relay.h"
#include "supervisor/requests.h"
#include "supervisor/retention.h"
#include "supervisor/run_limits.h"
#include "supervisor/sandbox_guard.h"
#include "supervisor/sandbox_policy.h"
#include "supervisor/scratch_keeper.h"
#include "supervisor/space_watch.h"
#include "supervisor/start_options.h"
#include "supervisor/started_commands.h"
#include "supervisor/state_mender.h"
#include "supervisor/tailer.h"
#include "supervisor/worker_program.h"

namespace charter::supervisor {

struct Reloaded;  // reload.h

class Supervisor {
 public:
  // What start() has made ready.
  struct Base {
    StartOptions options;
    ipc::Layout layout;
    GatewayAddress gateway;
    WorkerProgram worker;
    ipc::Place place;
    LedgerStore ledger;
    LedgerStore::Opened opened;
    std::string doorbell;  // path
    SandboxPolicy sandbox;
    std::shared_ptr<Reserve> reserve;
  };

  Supervisor(boost::asio::io_context& context, Base base);
  ~Supervisor();

  // Takes the runs that are there, then serves both sockets and dials.
  [[nodiscard]] ipc::Result<void> start(ipc::UniqueFd socket, ipc::UniqueFd doorbell);
  // Ends serving; executing runs go on. Calls `done` when nothing more is to be written, at the
  // latest after 700 ms.
  void stop(std::function<void()> done);

  [[nodiscard]] Registry::Counts counts() const { return registry_.counts(); }
  [[nodiscard]] bool link_up() const { return link_->status().state == LinkStatus::State::up; }
  [[nodiscard]] bool draining() const { return drain_.on(); }
  // The text of /metrics.
  [[nodiscard]] std::string metrics() const;
  // Why no new runs are taken, for /readyz; empty when they are. A gateway that is away is no
  // reason: what it has not been told waits.
  [[nodiscard]] std::string not_ready() const;
  // Reads the options anew, and takes on what a running daemon can; connects to the gateway again,
  // with what token file and certificates hold now, and opens the logs anew. Returns the answer for
  // who asked; on an error, which is for people, everything is as it was.
  ipc::Result<std::string> reload();
  // Called when a client asks for the end.
  void on_stop_request(std::function<void()> stop) { stop_requested_ = std::move(stop); }

 private:
  [[nodiscard]] Relay::Hooks relay_hooks();
  [[nodiscard]] Tailer::Hooks tailer_hooks();
  [[nodiscard]] Conductor::Hooks conductor_hooks();
  [[nodiscard]] Requests::Hooks request_hooks();
  [[nodiscard]] Drain::Hooks drain_hooks();
  [[nodiscard]] std::string cursor_key() const;
  [[nodiscard]] std::vector<ipc::LedgerRecord> snapshot() const;

  void look_after_old_runs();
  void sweep_scratch();
  void say_what_is_refused();
  void run_accepted(const RunPtr& run);
  void link_is_up();
  void describe_workflows(std::uint64_t question);
  void delivery_moved(const RunPtr& run);
  void note_cursors();
  void close_if_delivered(const RunPtr& run);
  void stop_by_request(bool runs, std::function<void()> answered);
  void end_runs_then(std::function<void()> done);
  void wait_for_runs(std::chrono::milliseconds left, std::function<void()> done);
  void take_limits(Reloaded& reloaded);
  void adopt(std::function<void(const CommandRefusal&)> done);
  [[nodiscard]] std::string daemon_view() const;

  boost::asio::io_context& context_;
  Base base_;
  std::string started_at_;
  Metrics metrics_{.began_us = ipc::now_us()};
  ChildTable children_;
  Spawner spawner_;
  SyncThread ledger_disk_;
  SyncThread disk_;  // journals and state files
  Ledger ledger_;
  Registry registry_;
  StartedCommands started_;
  Preparer preparer_;
  Tailer tailer_;
  RunLimits limits_;
  GroupSweeper groups_;
  Launcher launcher_;
  Conductor conductor_;
  Intake intake_;
  Commands commands_;
  Relay relay_;
  std::unique_ptr<Inbox> inbox_;
  std::unique_ptr<Link> link_;
  Forgetting forgetting_;
  Retention retention_;
  ScratchKeeper scratch_;
  SandboxGuard sandbox_guard_;
  Requests requests_;
  ControlServer control_;
  DoorbellServer doorbells_;
  Recovery recovery_;
  StateMender mender_;
  LateFiles late_files_;
  std::vector<RunPtr> moved_;  // whose cursors are not noted yet
  SpaceWatch space_;
  Drain drain_;
  Timer cursor_timer_;
  bool cursor_timer_set_ = false;
  Timer stop_timer_;
  bool stopping_ = false;
  std::function<void()> stop_requested_;
};

}  // namespace charter::supervisor
