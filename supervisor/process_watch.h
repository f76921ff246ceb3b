// Tells when a process has ended, and keeps the books of this process's own children.
#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "ipc/unique_fd.h"
#include "supervisor/child_table.h"

namespace charter::supervisor {

// Watches one process through its pidfd. Destroying it early stops the watching and disowns a
// child: whoever looks for orphans will end and reap it.
class ProcessWatch {
 public:
  // The wait status of an own child; nothing for a process that somebody else made.
  using Exited = std::function<void(std::optional<int> status)>;

  // `children`: the table the child is in while it lives; null for a process that is not ours.
  ProcessWatch(boost::asio::any_io_executor executor, ipc::UniqueFd pidfd, pid_t pid,
               ChildTable* children, Exited exited);
  ~ProcessWatch();
  ProcessWatch(const ProcessWatch&) = delete;
  ProcessWatch& operator=(const ProcessWatch&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] int pidfd() const { return pidfd_.get(); }
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  void wait();
  void readable();

  ipc::UniqueFd pidfd_;
  boost::asio::posix::stream_descriptor descriptor_;  // lets go of pidfd_ before that is closed
  pid_t pid_;
  ChildTable* children_;
  Exited exited_;
  bool ended_ = false;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// "signal 11 (SIGSEGV)" or "exit code 3", for people.
[[nodiscard]] std::string describe_exit(int status);

}  // namespace charter::supervisor
