#include "supervisor/process_watch.h"

#include <spdlog/fmt/fmt.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <utility>

namespace charter::supervisor {

ProcessWatch::ProcessWatch(boost::asio::any_io_executor executor, ipc::UniqueFd pidfd, pid_t pid,
                           ChildTable* children, Exited exited)
    : pidfd_(std::move(pidfd)),
      descriptor_(std::move(executor), pidfd_.get()),
      pid_(pid),
      children_(children),
      exited_(std::move(exited)) {
  if (children_ != nullptr) children_->insert(pid_);
  wait();
}

ProcessWatch::~ProcessWatch() {
  *alive_ = false;
  descriptor_.release();
  if (children_ != nullptr && !ended_) children_->erase(pid_);
}

void ProcessWatch::wait() {
  descriptor_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                         [this, alive = alive_](const boost::system::error_code& error) {
                           if (error || !*alive) return;
                           readable();
                         });
}

// A pidfd is readable when the process has ended, so this wait never blocks.
void ProcessWatch::readable() {
  std::optional<int> status;
  if (children_ != nullptr) {
    int raw = 0;
    const pid_t reaped = ::waitpid(pid_, &raw, WNOHANG);
    if (reaped == 0) {
      wait();
      return;
    }
    if (reaped == pid_) status = raw;
    children_->erase(pid_);
  }
  ended_ = true;
  const Exited exited = std::move(exited_);
  exited(status);  // may destroy this object
}

std::string describe_exit(int status) {
  if (WIFEXITED(status)) return fmt::format("exit code {}", WEXITSTATUS(status));
  const int number = WTERMSIG(status);
  const char* name = ::sigabbrev_np(number);
  if (name == nullptr) return fmt::format("signal {}", number);
  return fmt::format("signal {} (SIG{})", number, name);
}

}  // namespace charter::supervisor
