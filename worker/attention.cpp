#include "worker/attention.h"

#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <stdexcept>

#include "ipc/peer.h"
#include "worker/endings.h"
#include "worker/kill.h"

namespace charter::worker {
namespace {

constexpr std::size_t kOwn = 2;  // signals and chores
constexpr std::int64_t kLongestWaitMs = 3'600'000;
constexpr int kMostParts = 32;  // of 64 KiB at most; a pipe holds a MiB

bool asks_to_end(std::uint32_t signal) {
  return signal == SIGTERM || signal == SIGINT || signal == SIGHUP || signal == SIGQUIT;
}

}  // namespace

Attention::Attention(pid_t guardian, Reaper& reaper) : guardian_(guardian), reaper_(reaper) {
  sigset_t attended;
  ::sigemptyset(&attended);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGCHLD, stop_signal()}) {
    ::sigaddset(&attended, signal);
  }
  // A broken pipe or socket is an errno here, never a death.
  ::sigaddset(&attended, SIGPIPE);
  (void)::sigprocmask(SIG_BLOCK, &attended, nullptr);
  ::sigdelset(&attended, SIGPIPE);
  signals_.reset(::signalfd(-1, &attended, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!signals_) throw std::runtime_error("signalfd");
}

// Where the own ones are still to be filled in.
std::span<pollfd> Attention::gather(std::span<pollfd> entries) {
  set_.assign(kOwn, pollfd{-1, 0, 0});
  set_.insert(set_.end(), entries.begin(), entries.end());
  if (listener_ != nullptr) {
    const auto sources = listener_->sources();
    set_.insert(set_.end(), sources.begin(), sources.end());
  }
  return set_;
}

// What was found, to those whose descriptors they are.
void Attention::spread(std::span<pollfd> entries, int ready) {
  for (std::size_t at = 0; at < entries.size(); ++at) {
    entries[at].revents = ready > 0 ? set_[kOwn + at].revents : short{0};
  }
  if (listener_ == nullptr || ready <= 0) return;
  bool any = false;
  std::size_t at = kOwn + entries.size();
  for (pollfd& source : listener_->sources()) {
    source.revents = set_[at++].revents;
    any = any || source.revents != 0;
  }
  if (any) listener_->listen();
}

void Attention::empty(std::span<pollfd> entries) {
  std::array<char, 65536> buffer;
  for (pollfd& entry : entries) {
    if (entry.revents == 0) continue;
    const ssize_t got = ::read(entry.fd, buffer.data(), buffer.size());
    if (got > 0 && listener_ != nullptr) {
      listener_->overhear(entry.fd, {buffer.data(), static_cast<std::size_t>(got)});
    }
    if (got <= 0) entry.fd = -1;
  }
}

// What was written behind the last look, by who has ended since. Nobody else should hold the other
// end; whoever does is not listened to for ever.
void Attention::drain(std::span<pollfd> entries) {
  for (int part = 0; part < kMostParts; ++part) {
    const auto set = gather(entries);
    const int ready = ::poll(set.data(), set.size(), 0);
    spread(entries, ready);
    if (ready <= 0) return;
    empty(entries);
  }
}

Attention::Wake Attention::wait(std::span<pollfd> entries, std::int64_t deadline_ms) {
  for (;;) {
    std::int64_t next = deadline_ms;
    if (chores_ != nullptr && chores_->due() <= ipc::boot_ms()) chores_->work();
    const auto set = gather(entries);
    set[0] = {signals_.get(), POLLIN, 0};
    if (chores_ != nullptr) {
      next = std::min(next, chores_->due());
      set[1] = {chores_->hang_up(), 0, 0};
    }
    const std::int64_t now = ipc::boot_ms();
    const std::int64_t left = std::clamp<std::int64_t>(next - now, 0, kLongestWaitMs);
    const int ready = ::poll(set.data(), set.size(), static_cast<int>(left));
    const bool signalled = ready > 0 && set[0].revents != 0;
    const bool hung_up = ready > 0 && set[1].revents != 0;
    spread(entries, ready);
    const bool reaped = signalled && attend(entries);
    if (hung_up) chores_->work();
    const bool any = std::any_of(entries.begin(), entries.end(),
                                 [](const pollfd& entry) { return entry.revents != 0; });
    if (any || reaped) return Wake::ready;
    if (ipc::boot_ms() >= deadline_ms) return Wake::deadline;
  }
}

// True when children have ended.
bool Attention::attend(std::span<pollfd> entries) {
  bool child = false;
  signalfd_siginfo info{};
  while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    if (info.ssi_signo == SIGCHLD) {
      child = true;
      (void)reaper_.reap();
    } else if (asks_to_end(info.ssi_signo)) {
      if (::getppid() != guardian_) end_as_orphan();
      pass_on(info.ssi_uid);
      stand_down(entries);
    } else {
      stand_down(entries);
    }
  }
  return child;
}

// The guardian runs the ladder, whoever of the two was asked. The asker travels in the value,
// since the guardian would see this process as the sender.
void Attention::pass_on(std::uint32_t asker) {
  const ipc::UniqueFd guardian(static_cast<int>(::syscall(SYS_pidfd_open, guardian_, 0)));
  if (::getppid() != guardian_) end_as_orphan();
  siginfo_t info{};
  info.si_signo = SIGTERM;
  info.si_code = SI_QUEUE;
  info.si_pid = ::getpid();
  info.si_uid = ::getuid();
  info.si_value.sival_int = static_cast<int>(asker);
  if (guardian) {
    (void)::syscall(SYS_pidfd_send_signal, guardian.get(), SIGTERM, &info, 0);
  }
}

void Attention::stand_down(std::span<pollfd> entries) {
  while (reaper_.reap()) {
    const auto set = gather(entries);
    set[0] = {signals_.get(), POLLIN, 0};
    spread(entries, ::poll(set.data(), set.size(), -1));
    empty(entries);
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      if (asks_to_end(info.ssi_signo) && ::getppid() != guardian_) end_as_orphan();
    }
  }
  drain(entries);
  if (listener_ != nullptr) listener_->finish();
  ::_exit(kExitStopped);
}

void Attention::end_as_orphan() {
  (void)kill_tree(reaper_);
  if (listener_ != nullptr) listener_->finish();
  ::_exit(kExitOrphaned);
}

}  // namespace charter::worker
