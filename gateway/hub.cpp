#include "gateway/hub.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace charter::gateway {
namespace {

constexpr std::chrono::seconds kTick{1};

}  // namespace

Hub::Hub(const boost::asio::any_io_executor& loop, StoreThread& store)
    : loop_(loop), store_(store), desk_(store, sessions_), timer_(loop) {
  Store& rows = store_.store();
  last_connection_ = rows.workers.reset();
  for (const CommandRow& row : rows.commands.open()) {
    // A confirmed command that no answer belongs to is not sent again.
    if (row.state != "delivered" || row.answered()) desk_.add(row);
  }
}

void Hub::start() { tick(); }

void Hub::tick() {
  timer_.expires_after(kTick);
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    const auto sessions = sessions_;  // a check may end one
    for (const auto& [number, session] : sessions) {
      if (sessions_.contains(number)) session->check();
    }
    desk_.retry();
    tick();
  });
}

void Hub::close_all() {
  timer_.cancel();
  const auto sessions = sessions_;
  for (const auto& [number, session] : sessions) {
    if (sessions_.contains(number)) session->close(CloseCode::going_away, "the gateway stops");
  }
}

std::shared_ptr<DaemonSession> Hub::admit(std::string peer, Protocol protocol) {
  if (sessions_.size() >= kMaxDaemons) return nullptr;
  auto session = std::make_shared<DaemonSession>(loop_, store_, *this, ++last_connection_,
                                                 std::move(peer), protocol);
  sessions_.emplace(session->connection(), session.get());
  return session;
}

std::vector<const DaemonSession*> Hub::workers() const {
  std::vector<const DaemonSession*> workers;
  for (const auto& [number, session] : sessions_) {
    if (session->registered()) workers.push_back(session);
  }
  return workers;
}

DaemonSession* Hub::worker(std::int64_t connection) const {
  const auto at = sessions_.find(connection);
  return at != sessions_.end() && at->second->registered() ? at->second : nullptr;
}

void Hub::session_ready(DaemonSession& session) {
  desk_.session_ready(session);
  workers_changed();
}

void Hub::workers_changed() {
  changes_.note(ChangeLog::kWorkers);
  run_topics_.notify(kAnyChange);
}

void Hub::session_stored(DaemonSession& session, const Outcome& outcome) {
  desk_.settled(outcome.settled);
  for (const RunChange& change : outcome.runs) {
    if (change.announced && sessions_.contains(session.connection())) {
      desk_.run_announced(change.run, session);
    }
    if (change.finished) desk_.run_finished(change.run);
    run_topics_.notify(change.run);
    changes_.note(change.run);
  }
  if (!outcome.runs.empty()) run_topics_.notify(kAnyChange);
  for (const std::int64_t command : outcome.settled) command_topics_.notify(command);
}

void Hub::session_confirmed(DaemonSession& session, std::uint64_t command) {
  for (const std::int64_t id : desk_.confirmed(session, command)) command_topics_.notify(id);
}

void Hub::session_gone(DaemonSession& session) {
  sessions_.erase(session.connection());
  desk_.session_gone(session);
  workers_changed();
}

void Hub::store_state(const std::string& trouble) {
  if (trouble == trouble_) return;
  if (trouble.empty()) {
    spdlog::info("the database takes writes again");
  } else if (trouble_.empty()) {
    spdlog::error("nothing is acknowledged until the database takes writes again: {}", trouble);
  }
  trouble_ = trouble;
}

}  // namespace charter::gateway
