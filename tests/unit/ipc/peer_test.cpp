#include "ipc/peer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace charter::ipc {
namespace {

// A child that runs `body` after it has said that it is ready, and is ended with the object.
class Child {
 public:
  template <class Body>
  explicit Child(Body body) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return;
    const UniqueFd reading(ends[0]);
    UniqueFd writing(ends[1]);
    pid_ = ::fork();
    if (pid_ == 0) {
      body([&writing] { writing.reset(); });
      ::_exit(0);
    }
    writing.reset();
    char byte = 0;
    (void)!::read(reading.get(), &byte, 1);
  }
  ~Child() { wait(SIGKILL); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  // Its wait status, after `signal` when that is not 0.
  int wait(int signal = 0) {
    if (pid_ <= 0) return status_;
    if (signal != 0) ::kill(pid_, signal);
    ::waitpid(pid_, &status_, 0);
    pid_ = -1;
    return status_;
  }

 private:
  pid_t pid_ = -1;
  int status_ = -1;
};

[[noreturn]] void stay() {
  for (;;) ::pause();
}

TEST(Peer, is_who_made_the_socket) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const UniqueFd one(ends[0]);
  const UniqueFd two(ends[1]);
  const auto peer = peer_of(one.get());
  ASSERT_TRUE(peer);
  EXPECT_EQ(peer->pid, ::getpid());
  EXPECT_EQ(peer->uid, ::getuid());
  EXPECT_FALSE(peer_of(-1));
}

TEST(StartTime, does_not_care_for_a_processes_name) {
  const auto own = start_time(::getpid());
  ASSERT_TRUE(own);
  for (const char* name : {") R 1 2 3", "a) (b", "((((", "))))", "x y z", "\n) S 9"}) {
    Child child([name](auto ready) {
      ::prctl(PR_SET_NAME, name);
      ready();
      stay();
    });
    const auto start = start_time(child.pid());
    ASSERT_TRUE(start) << name;
    EXPECT_GE(*start, *own) << name;
    EXPECT_LE(*start, *own + 100 * 600) << name;
  }
}

TEST(StartTime, is_nothing_for_a_process_that_is_gone) {
  Child child([](auto ready) { ready(); });
  const pid_t pid = child.pid();
  child.wait();
  EXPECT_EQ(start_time(pid), std::nullopt);
  EXPECT_EQ(start_time(0), std::nullopt);
  EXPECT_EQ(start_time(-1), std::nullopt);
}

TEST(OpenProcess, takes_no_other_process_of_the_same_number) {
  Child child([](auto ready) {
    ready();
    stay();
  });
  const std::uint64_t start = start_time(child.pid()).value();
  EXPECT_FALSE(open_process(child.pid(), start + 1));
  EXPECT_FALSE(open_process(0, start));
  EXPECT_FALSE(open_process(-1, start));
  const UniqueFd process = open_process(child.pid(), start);
  ASSERT_TRUE(process);
  ASSERT_TRUE(signal_process(process.get(), SIGTERM));
  pollfd gone{process.get(), POLLIN, 0};
  constexpr int kGoneTimeoutMs = 10'000;
  EXPECT_EQ(::poll(&gone, 1, kGoneTimeoutMs), 1);
  const int status = child.wait();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
  EXPECT_EQ(signal_process(process.get(), SIGTERM).error().code, std::errc::no_such_process);
}

TEST(RequestKill, carries_the_grace_and_who_asked) {
  sigset_t blocked;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, kill_signal());
  Child child([&blocked](auto ready) {
    ::sigprocmask(SIG_BLOCK, &blocked, nullptr);
    ready();
    siginfo_t info{};
    const bool right = ::sigwaitinfo(&blocked, &info) == kill_signal() &&
                       info.si_code == SI_QUEUE && info.si_value.sival_int == 2'500 &&
                       info.si_uid == ::getuid() && info.si_pid == ::getppid();
    ::_exit(right ? 0 : 1);
  });
  const UniqueFd process = open_process(child.pid(), start_time(child.pid()).value());
  ASSERT_TRUE(process);
  ASSERT_TRUE(request_kill(process.get(), 2'500));
  EXPECT_EQ(child.wait(), 0);
}

TEST(RequestKill, bounds_the_grace) {
  sigset_t blocked;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, kill_signal());
  Child child([&blocked](auto ready) {
    ::sigprocmask(SIG_BLOCK, &blocked, nullptr);
    ready();
    siginfo_t info{};
    ::sigwaitinfo(&blocked, &info);
    ::_exit(info.si_value.sival_int == 0x7FFFFFFF ? 0 : 1);
  });
  const UniqueFd process = open_process(child.pid(), start_time(child.pid()).value());
  ASSERT_TRUE(request_kill(process.get(), 0xFFFFFFFFU));
  EXPECT_EQ(child.wait(), 0);
}

TEST(Machine, is_named) {
  EXPECT_EQ(boot_id().size(), 36U);
  EXPECT_EQ(boot_id(), boot_id());
  EXPECT_NE(pid_namespace(), 0U);
  const std::int64_t before = boot_ms();
  EXPECT_GT(before, 0);
  EXPECT_GE(boot_ms(), before);
}

}  // namespace
}  // namespace charter::ipc
