// Where the connections of daemons meet everything else: who is there, which run is whose, which
// commands wait, and who wants to hear of changes. Belongs to the loop.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gateway/change_log.h"
#include "gateway/command_desk.h"
#include "gateway/daemon_session.h"
#include "gateway/store_thread.h"
#include "gateway/topics.h"

namespace charter::gateway {

inline constexpr std::size_t kMaxDaemons = 512;

class Hub : public SessionWatcher {
 public:
  // Reads what is open from the store, which is not started yet and outlives the hub.
  Hub(const boost::asio::any_io_executor& loop, StoreThread& store);

  void start();
  // Ends every connection with a close frame.
  void close_all();

  // A session for a new connection, to be attached to its socket; null when there are too many.
  [[nodiscard]] std::shared_ptr<DaemonSession> admit(std::string peer, Protocol protocol);

  [[nodiscard]] bool empty() const { return sessions_.empty(); }
  [[nodiscard]] std::vector<const DaemonSession*> workers() const;
  // Null when there is no registered daemon on that connection.
  [[nodiscard]] DaemonSession* worker(std::int64_t connection) const;
  [[nodiscard]] const boost::asio::any_io_executor& loop() const { return loop_; }
  [[nodiscard]] CommandDesk& desk() { return desk_; }
  [[nodiscard]] std::int64_t connection_of(std::int64_t run) const {
    return desk_.connection_of(run);
  }
  // By run; whoever follows all runs, or daemons, hears of `kAnyChange` and reads `changes`.
  static constexpr std::int64_t kAnyChange = 0;
  [[nodiscard]] Topics& run_topics() { return run_topics_; }
  [[nodiscard]] ChangeLog& changes() { return changes_; }
  // By command.
  [[nodiscard]] Topics& command_topics() { return command_topics_; }
  // Why the store takes nothing at the moment; empty when it does.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

  void session_ready(DaemonSession& session) override;
  void session_stored(DaemonSession& session, const Outcome& outcome) override;
  void session_confirmed(DaemonSession& session, std::uint64_t command) override;
  void session_gone(DaemonSession& session) override;
  void store_state(const std::string& trouble) override;

 private:
  void tick();
  void workers_changed();

  boost::asio::any_io_executor loop_;
  StoreThread& store_;
  CommandDesk::Sessions sessions_;
  CommandDesk desk_;
  Topics run_topics_;
  ChangeLog changes_;
  Topics command_topics_;
  boost::asio::steady_timer timer_;
  std::int64_t last_connection_ = 0;
  std::string trouble_;
};

}  // namespace charter::gateway
