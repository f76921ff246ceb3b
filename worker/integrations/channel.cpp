#include "worker/integrations/channel.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "ipc/peer.h"
#include "worker/spawn.h"
#include "worker/steps/environment.h"

namespace charter::worker {
namespace {

constexpr std::size_t kChunk = 64UL * 1024;
constexpr std::int64_t kShutdownMs = 5000;
constexpr std::int64_t kTermMs = 1000;

}  // namespace

std::string in_words(std::int64_t milliseconds) {
  if (milliseconds % 1000 != 0) return std::to_string(milliseconds) + " ms";
  return std::to_string(milliseconds / 1000) + " s";
}

ipc::Result<pid_t> Channel::start(std::vector<std::string> arguments,
                                  std::vector<std::string> environment,
                                  const ipc::UniqueFd& errors) {
  for (const std::string& argument : arguments) {
    if (argument.find('\0') != std::string::npos) return ipc::plain_error("embedded null byte");
  }
  const std::string program = arguments.front();
  ipc::UniqueFd child_input;
  ipc::UniqueFd child_output;
  if (!make_pipe(child_input, input_) || !make_pipe(output_, child_output)) {
    return ipc::plain_error(describe({SpawnFailure::Stage::descriptors, errno}, program));
  }
  (void)::fcntl(input_.get(), F_SETFL, O_NONBLOCK);
  (void)::fcntl(output_.get(), F_SETFL, O_NONBLOCK);
  SpawnRequest request;
  request.candidates = candidates_of(program, environment);
  request.arguments = std::move(arguments);
  request.environment = std::move(environment);
  request.input = child_input.get();
  request.output = child_output.get();
  request.errors = errors ? errors.get() : STDERR_FILENO;
  const auto spawned = spawn(request);
  if (const auto* failure = std::get_if<SpawnFailure>(&spawned)) {
    return ipc::plain_error(describe(*failure, program));
  }
  pid_ = std::get<pid_t>(spawned);
  // Nobody but this process collects it, so the number is still its own.
  process_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!process_) return ipc::errno_error("pidfd_open");
  return pid_;
}

void Channel::adopt(pid_t pid, ipc::UniqueFd process, ipc::UniqueFd input, ipc::UniqueFd output) {
  pid_ = pid;
  process_ = std::move(process);
  input_ = std::move(input);
  output_ = std::move(output);
  (void)::fcntl(input_.get(), F_SETFL, O_NONBLOCK);
  (void)::fcntl(output_.get(), F_SETFL, O_NONBLOCK);
}

Channel::Outcome Channel::exchange(std::string_view lines, std::int64_t deadline_ms,
                                   std::string& answer) {
  unsent_.erase(0, std::exchange(sent_, 0));
  unsent_.append(lines);
  while (!take_line(answer)) {
    std::array<pollfd, 3> entries{{{output_.get(), POLLIN, 0},
                                   {sent_ < unsent_.size() ? input_.get() : -1, POLLOUT, 0},
                                   {process_.get(), POLLIN, 0}}};
    (void)attention_.wait(entries, deadline_ms);
    if (entries[1].revents != 0) write_some();
    const Read got = entries[0].revents != 0 || entries[2].revents != 0 ? read_some() : Read::some;
    if (received_.size() > most_bytes_ && received_.find('\n') > most_bytes_) {
      return Outcome::too_long;
    }
    const bool over = got == Read::end || (got == Read::nothing && entries[2].revents != 0);
    if (over && received_.empty()) return Outcome::closed;
    if (over && received_.find('\n') == std::string::npos) received_ += '\n';
    if (!over && received_.size() == searched_ && ipc::boot_ms() >= deadline_ms) {
      return Outcome::late;
    }
  }
  return Outcome::line;
}

bool Channel::take_line(std::string& answer) {
  const std::size_t end = received_.find('\n', searched_);
  if (end == std::string::npos) {
    searched_ = received_.size();
    return false;
  }
  answer = received_.substr(0, end);
  received_.erase(0, end + 1);
  searched_ = 0;
  return true;
}

// A process that reads no more shows that by its end or its silence.
void Channel::write_some() {
  const ssize_t put = ::write(input_.get(), unsent_.data() + sent_, unsent_.size() - sent_);
  if (put >= 0) {
    sent_ += static_cast<std::size_t>(put);
  } else if (errno != EINTR && errno != EAGAIN) {
    sent_ = unsent_.size();
  }
}

Channel::Read Channel::read_some() {
  std::array<char, kChunk> buffer;
  const ssize_t got = ::read(output_.get(), buffer.data(), buffer.size());
  if (got == 0) return Read::end;
  if (got < 0) return errno == EINTR || errno == EAGAIN ? Read::nothing : Read::end;
  received_.append(buffer.data(), static_cast<std::size_t>(got));
  return Read::some;
}

bool Channel::ended() const {
  pollfd entry{process_.get(), POLLIN, 0};
  return !process_ || ::poll(&entry, 1, 0) == 1;
}

bool Channel::close(std::int64_t deadline_ms) {
  input_.reset();
  return await_end(deadline_ms);
}

bool Channel::await_end(std::int64_t deadline_ms) {
  std::array<pollfd, 2> entries{{{process_.get(), POLLIN, 0}, {output_.get(), POLLIN, 0}}};
  while (!ended()) {
    if (attention_.wait(entries, deadline_ms) == Attention::Wake::deadline) return ended();
    if (entries[1].revents != 0) {
      received_.clear();
      if (read_some() == Read::end) entries[1].fd = -1;
    }
    if (ipc::boot_ms() >= deadline_ms) return ended();
  }
  return true;
}

void Channel::abandon() {
  if (!close(ipc::boot_ms())) {
    signal(SIGTERM);
    (void)await_end(ipc::boot_ms() + kTermMs);
  }
  signal(SIGKILL);
  (void)await_end(ipc::boot_ms() + kTermMs);
}

void Channel::leave() {
  if (!close(ipc::boot_ms() + kShutdownMs)) {
    signal(SIGTERM);
    (void)await_end(ipc::boot_ms() + kShutdownMs);
  }
  signal(SIGKILL);
}

void Channel::signal(int signal) const {
  if (!ended()) (void)::kill(-pid_, signal);
}

}  // namespace charter::worker
