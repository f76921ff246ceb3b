// Accepts connections to the hand-off socket and keeps them within bounds.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <unordered_map>

#include "ipc/unique_fd.h"
#include "supervisor/clock.h"
#include "supervisor/control_session.h"

namespace charter::supervisor {

class ControlServer {
 public:
  // Whether nothing is taken from who is at the other end of a socket, a process of our user's.
  using Refuses = std::function<bool(int socket, pid_t pid)>;

  ControlServer(boost::asio::any_io_executor executor, ControlSession::Limits limits,
                ControlSession::Handler handler, Refuses refuses = {});
  ~ControlServer();

  // `listener` is bound, listening and non-blocking.
  void start(ipc::UniqueFd listener);
  // Takes no more connections; ends those whose request is not complete.
  void stop_accepting();
  [[nodiscard]] std::size_t sessions() const { return sessions_.size(); }

 private:
  void wait();
  void accept_all();
  bool accept_one();
  void make_room();
  void drop_finished();

  boost::asio::any_io_executor executor_;
  ControlSession::Limits limits_;
  ControlSession::Handler handler_;
  Refuses refuses_;
  RequestBudget budget_;
  ipc::UniqueFd listener_;
  boost::asio::posix::stream_descriptor descriptor_;
  Timer pause_;
  std::unordered_map<ControlSession*, SessionPtr> sessions_;
  std::deque<std::weak_ptr<ControlSession>> arrivals_;  // the first may be over
  std::size_t max_sessions_;
};

}  // namespace charter::supervisor
