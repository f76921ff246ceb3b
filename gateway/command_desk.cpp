#include "gateway/command_desk.h"

#include "gateway/daemon_session.h"
#include "gateway/store_thread.h"
#include "ipc/journal.h"

namespace charter::gateway {
namespace {

constexpr int kRetriedAtOnce = 256;

}  // namespace

bool CommandDesk::full() const {
  return open_.size() >= kMaxOpenCommands || bytes_ >= kMaxOpenCommandBytes;
}

void CommandDesk::add(const CommandRow& row) {
  const auto [at, fresh] = open_.emplace(row.id, Open{.row = row});
  if (!fresh) return;
  by_run_.emplace(row.run.value_or(0), row.id);
  bytes_ += row.message.size();
  dispatch(at->second);
}

void CommandDesk::erase(std::int64_t command) {
  const auto at = open_.find(command);
  if (at == open_.end()) return;
  bytes_ -= at->second.row.message.size();
  by_run_.erase({at->second.row.run.value_or(0), command});
  open_.erase(at);
}

void CommandDesk::session_ready(DaemonSession& session) {
  for (auto& [id, open] : open_) {
    if (target(open) == &session) dispatch(open);
  }
}

void CommandDesk::session_gone(const DaemonSession& session) {
  std::erase_if(routes_, [&](const auto& route) { return route.second == session.connection(); });
  for (auto& [id, open] : open_) {
    if (open.connection != session.connection()) continue;
    open.connection = 0;
    // Its daemon may have come back while this connection still stood.
    dispatch(open);
  }
}

void CommandDesk::run_announced(std::int64_t run, const DaemonSession& session) {
  const auto [route, fresh] = routes_.try_emplace(run, session.connection());
  if (!fresh && route->second == session.connection()) return;
  route->second = session.connection();
  dispatch_of_run(run);
}

void CommandDesk::dispatch_of_run(std::int64_t run) {
  for (auto at = by_run_.lower_bound({run, 0}); at != by_run_.end() && at->first == run; ++at) {
    dispatch(open_.at(at->second));
  }
}

std::vector<std::int64_t> CommandDesk::confirmed(const DaemonSession& session,
                                                 std::uint64_t number) {
  std::vector<std::int64_t> delivered;
  for (auto& [id, open] : open_) {
    if (open.connection != session.connection() || open.number > number) continue;
    if (open.row.state != "sent") continue;
    open.row.state = "delivered";
    delivered.push_back(id);
  }
  for (const std::int64_t id : delivered) {
    const CommandRow& row = open_.at(id).row;
    keep(row.progress());
    // An answer is waited for, so that a lost one can be asked for again.
    if (!session.answers(row)) erase(id);
  }
  return delivered;
}

void CommandDesk::settled(const std::vector<std::int64_t>& commands) {
  for (const std::int64_t id : commands) erase(id);
}

DaemonSession* CommandDesk::freest_worker() const {
  DaemonSession* best = nullptr;
  for (const auto& [number, session] : sessions_) {
    if (!session->ready()) continue;
    if (best == nullptr || session->free_places() > best->free_places()) best = session;
  }
  return best;
}

DaemonSession* CommandDesk::target(const Open& open) const {
  if (open.row.run) {
    const auto route = routes_.find(*open.row.run);
    if (route == routes_.end()) return nullptr;
    const auto at = sessions_.find(route->second);
    return at != sessions_.end() && at->second->ready() ? at->second : nullptr;
  }
  if (!open.row.worker_id) return freest_worker();
  // Of several daemons with the same name the one it was first sent to must get it again. That
  // one comes back on a connection younger than all there were then.
  DaemonSession* best = nullptr;
  for (const auto& [number, session] : sessions_) {
    if (number <= open.tried_until || !session->ready()) continue;
    if (session->worker_id() != *open.row.worker_id) continue;
    if (best == nullptr || session->free_places() > best->free_places()) best = session;
  }
  return best;
}

void CommandDesk::dispatch(Open& open) {
  if (open.connection != 0 || open.assigning) return;
  DaemonSession* session = target(open);
  if (session == nullptr) return;
  if (!open.row.run && !open.row.worker_id) return assign(open);
  write(open, *session);
}

// A start that may go to anyone must not go to two: the choice is on disk before it is sent.
void CommandDesk::assign(Open& open) {
  const std::string worker_id = target(open)->worker_id();
  open.assigning = true;
  store_.submit(
      [id = open.row.id, worker_id](Store& store) {
        store.commands.assign(id, worker_id);
        return true;
      },
      [this, id = open.row.id, worker_id](const ipc::Result<bool>& done) {
        const auto at = open_.find(id);
        if (at == open_.end()) return;
        at->second.assigning = false;
        if (!done) {
          unassigned_.insert(id);
          return;
        }
        at->second.row.worker_id = worker_id;
        dispatch(at->second);
      });
}

void CommandDesk::write(Open& open, DaemonSession& session) {
  open.connection = session.connection();
  open.tried_until = sessions_.rbegin()->first;
  open.number = session.send_command(open.row);
  open.row.state = "sent";
  ++open.row.sends;
  open.row.sent_us = ipc::now_us();
  keep(open.row.progress());
}

void CommandDesk::keep(const CommandProgress& progress) {
  store_.submit(
      [progress](Store& store) {
        store.commands.moved(progress);
        return true;
      },
      [this, progress](const ipc::Result<bool>& done) {
        if (!done) unkept_.insert_or_assign(progress.id, progress);
      });
}

// On a disk that is still full each of these costs a transaction.
void CommandDesk::retry() {
  for (int left = kRetriedAtOnce; left > 0 && !unassigned_.empty(); --left) {
    const auto at = open_.find(unassigned_.extract(unassigned_.begin()).value());
    if (at != open_.end()) dispatch(at->second);
  }
  for (int left = kRetriedAtOnce; left > 0 && !unkept_.empty(); --left) {
    keep(unkept_.extract(unkept_.begin()).mapped());
  }
}

}  // namespace charter::gateway
