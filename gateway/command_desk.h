// Brings commands to the daemons they are for: at once where one is connected, else when it
// comes, and again where a connection ended before it confirmed them. The database has every
// command before this has it; what is kept here is only where each one stands.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "gateway/command_table.h"

namespace charter::gateway {

class DaemonSession;
class StoreThread;

// Commands that may be open at once, and the bytes of their messages.
inline constexpr std::size_t kMaxOpenCommands = 10'000;
inline constexpr std::size_t kMaxOpenCommandBytes = 64U << 20;

class CommandDesk {
 public:
  using Sessions = std::map<std::int64_t, DaemonSession*>;

  // Both must outlive it; `sessions` holds every connection by its number.
  CommandDesk(StoreThread& store, const Sessions& sessions) : store_(store), sessions_(sessions) {}

  // A command that is on disk and not settled.
  void add(const CommandRow& row);
  // Whether another one may be accepted.
  [[nodiscard]] bool full() const;
  // Whom a start without a named worker would go to now; null when nobody is there.
  [[nodiscard]] DaemonSession* freest_worker() const;

  void session_ready(DaemonSession& session);
  void session_gone(const DaemonSession& session);
  void run_announced(std::int64_t run, const DaemonSession& session);
  void run_finished(std::int64_t run) { routes_.erase(run); }
  // Gives the commands that are delivered with this.
  std::vector<std::int64_t> confirmed(const DaemonSession& session, std::uint64_t number);
  void settled(const std::vector<std::int64_t>& commands);
  // To be called every second: asks the store again for what it has refused.
  void retry();
  // Whether more is to come of it than its delivery.
  [[nodiscard]] bool holds(std::int64_t command) const { return open_.contains(command); }
  [[nodiscard]] bool connected(std::int64_t run) const { return routes_.contains(run); }
  // The connection that has announced the run and has not told of its end; 0 when there is none.
  [[nodiscard]] std::int64_t connection_of(std::int64_t run) const {
    const auto at = routes_.find(run);
    return at == routes_.end() ? 0 : at->second;
  }

 private:
  struct Open {
    CommandRow row;
    std::int64_t connection = 0;   // it was last written to; 0 when that has ended
    std::int64_t tried_until = 0;  // a start goes only to connections younger than this
    std::uint64_t number = 0;      // on that connection
    bool assigning = false;        // the choice of a worker is on its way to the disk
  };

  void dispatch(Open& open);
  void dispatch_of_run(std::int64_t run);
  void assign(Open& open);
  void write(Open& open, DaemonSession& session);
  void keep(const CommandProgress& progress);
  [[nodiscard]] DaemonSession* target(const Open& open) const;
  void erase(std::int64_t command);

  StoreThread& store_;
  const Sessions& sessions_;
  std::map<std::int64_t, Open> open_;                       // by command
  std::set<std::pair<std::int64_t, std::int64_t>> by_run_;  // (run, command); starts: run 0
  std::unordered_map<std::int64_t, std::int64_t> routes_;   // run to connection
  std::set<std::int64_t> unassigned_;               // the store has refused the choice of a worker
  std::map<std::int64_t, CommandProgress> unkept_;  // likewise how far a command is
  std::size_t bytes_ = 0;
};

}  // namespace charter::gateway
