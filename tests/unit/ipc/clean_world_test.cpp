#include "ipc/clean_world.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/job.h"
#include "scratch.h"

namespace charter::ipc {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(CleanEnvironment, withholds_what_configures_the_daemon_and_what_systemd_says) {
  for (const char* name : {"CHARTER_GATEWAY_DAEMON_TOKEN",
                           "CHARTER_GATEWAY",
                           "CHARTER_DAEMON_SOCKET",
                           "CHARTER_DAEMON_MAX_RUNS",
                           "CHARTER_PROJECT_PATH",
                           "NOTIFY_SOCKET",
                           "LISTEN_FDS",
                           "LISTEN_PID",
                           "LISTEN_FDNAMES",
                           "WATCHDOG_USEC",
                           "WATCHDOG_PID",
                           "INVOCATION_ID",
                           "JOURNAL_STREAM",
                           "MAINPID",
                           "MANAGERPID",
                           "SYSTEMD_EXEC_PID",
                           "MEMORY_PRESSURE_WATCH",
                           "MEMORY_PRESSURE_WRITE",
                           "CREDENTIALS_DIRECTORY",
                           "FDSTORE"}) {
    EXPECT_TRUE(withheld(name)) << name;
  }
  for (const char* name : {"PATH", "HOME", "CHARTER", "CHARTER_X", "MY_CHARTER_GATEWAY", "LISTEN",
                           "CHARTER_RUN_ID", "charter_gateway", ""}) {
    EXPECT_FALSE(withheld(name)) << name;
  }
}

TEST(CleanEnvironment, keeps_everything_else_as_it_is) {
  ::setenv("CHARTER_GATEWAY_DAEMON_TOKEN", "hunter2", 1);
  ::setenv("CLEAN_WORLD_TEST", "a=b\nc", 1);
  const auto environment = clean_environment();
  EXPECT_THAT(environment, Contains("CLEAN_WORLD_TEST=a=b\nc"));
  EXPECT_THAT(environment, Not(Contains(HasSubstr("hunter2"))));
  ::unsetenv("CHARTER_GATEWAY_DAEMON_TOKEN");
  ::unsetenv("CLEAN_WORLD_TEST");
}

// What a program sees that is started from a world which was spoilt on purpose.
TEST(RestoreInChild, gives_a_program_the_world_of_the_beginning) {
  remember_world();
  rlimit files{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);

  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    for (const int signal : {SIGPIPE, SIGINT, SIGHUP, SIGCHLD, SIGRTMIN + 1}) {
      ::signal(signal, SIG_IGN);
    }
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, nullptr);
    ::umask(0777);
    const rlimit other{files.rlim_cur / 2, files.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &other);
    const rlimit no_core{0, RLIM_INFINITY};
    ::setrlimit(RLIMIT_CORE, &no_core);
    (void)::open("/dev/null", O_RDONLY);  // inherited unless it is closed
    ::dup2(writing.get(), 1);
    for (int fd = 3; fd < 6; ++fd) ::dup2(0, fd);

    restore_in_child(3);
    ::execl("/bin/sh", "sh", "-c",
            "umask; ulimit -n; grep -E '^Sig(Ign|Blk)' /proc/self/status; "
            "ls /proc/$$/fd; echo end",
            static_cast<char*>(nullptr));
    ::_exit(127);
  }
  writing.reset();
  const auto seen = read_all(reading.get(), 1U << 16);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ASSERT_TRUE(seen);

  const mode_t mask = ::umask(0);
  ::umask(mask);
  char expected[64];
  std::snprintf(expected, sizeof expected, "%04o\n%llu\n", mask,
                static_cast<unsigned long long>(files.rlim_cur));
  EXPECT_TRUE(seen->starts_with(expected)) << *seen;
  EXPECT_THAT(*seen, HasSubstr("SigBlk:\t0000000000000000"));
  EXPECT_THAT(*seen, HasSubstr("SigIgn:\t0000000000000000"));
  EXPECT_THAT(*seen, HasSubstr("\n0\n1\n2\nend\n"));
}

}  // namespace
}  // namespace charter::ipc
