#include "supervisor/control_server.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "ipc/json_object.h"
#include "ipc/peer.h"
#include "supervisor/accept_pause.h"
#include "supervisor/log.h"

namespace charter::supervisor {
namespace {

constexpr std::size_t kMaxSessions = 2048;
constexpr int kAcceptAtOnce = 64;  // then others get the loop
constexpr std::size_t kBudgetBeyondOne = 16U << 20;

// Clients leave half of the descriptors to runs and to the gateway. Who follows a run takes two.
std::size_t most_sessions() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kMaxSessions;
  return std::min<std::size_t>(kMaxSessions, static_cast<std::size_t>(limit.rlim_cur) / 4);
}

void refuse_crowd(int socket) {
  const std::string answer =
      ipc::JsonObject().flag("ok", false).text("error", "Too many connections").str() + "\n";
  (void)::send(socket, answer.data(), answer.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}

}  // namespace

ControlServer::ControlServer(boost::asio::any_io_executor executor, ControlSession::Limits limits,
                             ControlSession::Handler handler, Refuses refuses)
    : executor_(std::move(executor)),
      limits_(limits),
      handler_(std::move(handler)),
      refuses_(std::move(refuses)),
      budget_(limits.max_request_bytes + kBudgetBeyondOne),
      descriptor_(executor_),
      pause_(executor_),
      max_sessions_(most_sessions()) {}

ControlServer::~ControlServer() {
  if (listener_) descriptor_.release();
  // A session that ends tells the server; let none of them find it half gone.
  const auto sessions = std::move(sessions_);
  sessions_.clear();
  for (const auto& [key, session] : sessions) session->close();
}

void ControlServer::start(ipc::UniqueFd listener) {
  listener_ = std::move(listener);
  descriptor_.assign(listener_.get());
  wait();
}

void ControlServer::stop_accepting() {
  if (!listener_) return;
  pause_.cancel();
  descriptor_.release();
  listener_.reset();
  std::vector<SessionPtr> unfinished;
  for (const auto& [key, session] : sessions_) {
    if (session->reading()) unfinished.push_back(session);
  }
  for (const SessionPtr& session : unfinished) session->close();
}

void ControlServer::wait() {
  descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                         [this](const boost::system::error_code& error) {
                           if (!error && listener_) accept_all();
                         });
}

void ControlServer::accept_all() {
  for (int accepted = 0; accepted < kAcceptAtOnce; ++accepted) {
    if (accept_one()) {
      if (!listener_) return;  // it was a request to stop
      continue;
    }
    if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED) break;
    // Out of descriptors or memory: the connection stays in the backlog, and trying again at once
    // would only spin.
    log::warning("Cannot accept a connection: {}", ipc::errno_error("accept").message());
    make_room();
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([this](const boost::system::error_code& error) {
      if (!error && listener_) wait();
    });
    return;
  }
  wait();
}

bool ControlServer::accept_one() {
  ipc::UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!socket) return false;
  const auto peer = ipc::peer_of(socket.get());
  if (!peer || (peer->uid != ::geteuid() && peer->uid != 0)) {
    log::warning("Refused a connection of uid {}", peer ? static_cast<long>(peer->uid) : -1L);
    return true;
  }
  if (refuses_ && refuses_(socket.get(), peer->pid)) {
    log::warning("Refused a connection of a sandboxed run's process, pid {}", peer->pid);
    return true;
  }
  if (sessions_.size() >= max_sessions_) make_room();
  drop_finished();
  if (sessions_.size() >= max_sessions_) {
    refuse_crowd(socket.get());
    return true;
  }
  const auto session = std::make_shared<ControlSession>(
      executor_, std::move(socket), peer->uid, limits_, budget_, handler_,
      [this](ControlSession* closed) { sessions_.erase(closed); });
  sessions_.emplace(session.get(), session);
  arrivals_.push_back(session);
  session->start();
  return true;
}

// The connection that has been unfinished longest makes room for a new one.
void ControlServer::make_room() {
  drop_finished();
  if (arrivals_.empty()) return;
  const SessionPtr oldest = arrivals_.front().lock();
  arrivals_.pop_front();
  oldest->close();
}

// One whose request is complete is never in the way of another.
void ControlServer::drop_finished() {
  while (!arrivals_.empty()) {
    const SessionPtr first = arrivals_.front().lock();
    if (first && first->reading()) return;
    arrivals_.pop_front();
  }
}

}  // namespace charter::supervisor
