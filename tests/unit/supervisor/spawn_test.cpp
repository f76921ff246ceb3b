#include "supervisor/spawn.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "ipc/clean_world.h"
#include "ipc/job.h"

namespace charter::supervisor {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Runs `sh -c script` with a pipe as its output and returns what it wrote.
std::string output_of(const std::string& script, std::vector<int> more = {},
                      const char* directory = nullptr) {
  const ipc::UniqueFd shell(::open("/bin/sh", O_RDONLY | O_CLOEXEC));
  const ipc::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const ipc::UniqueFd reading(ends[0]);
  ipc::UniqueFd writing(ends[1]);
  const std::vector<std::string> environment{"PATH=/usr/bin:/bin", "MARK=here"};
  SpawnSpec spec;
  spec.program = shell.get();
  spec.arguments = {"sh", "-c", script};
  spec.environment = &environment;
  spec.directory = directory;
  spec.descriptors = {null.get(), writing.get(), writing.get()};
  for (const int one : more) spec.descriptors.push_back(one);
  auto process = spawn(spec);
  EXPECT_TRUE(process) << process.error().message();
  writing.reset();
  const auto text = ipc::read_all(reading.get(), 1U << 20);
  EXPECT_EQ(::waitpid(process->pid, nullptr, 0), process->pid);
  return *text;
}

TEST(SpawnTest, ChildHasItsEnvironmentDirectoryAndDescriptorsAndNoOthers) {
  const ipc::UniqueFd opened(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const ipc::UniqueFd stray(::fcntl(opened.get(), F_DUPFD, 50));  // not close-on-exec
  const ipc::UniqueFd given(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  const std::string text =
      output_of("env; pwd; for n in 0 1 2 3 4 5 " + std::to_string(stray.get()) +
                    "; do [ -e /proc/self/fd/$n ] && echo fd $n; done",
                {given.get()}, "/");
  EXPECT_THAT(text, HasSubstr("MARK=here\n"));
  EXPECT_THAT(text, HasSubstr("\n/\n"));
  EXPECT_THAT(text, HasSubstr("fd 0\nfd 1\nfd 2\nfd 3\n"));
  EXPECT_THAT(text, Not(HasSubstr("fd 4\n")));
  EXPECT_THAT(text, Not(HasSubstr("fd " + std::to_string(stray.get()) + "\n")));
}

TEST(SpawnTest, SourcesMaySitOnEachOthersTargets) {
  // 0, 1 and 2 of the child come from descriptors that are themselves low and crossed.
  const ipc::UniqueFd memory = std::move(*ipc::memory_file("from the file"));
  const std::string text =
      output_of("cat <&3; echo; cat <&4 >/dev/null && echo both", {memory.get(), memory.get()});
  EXPECT_THAT(text, HasSubstr("from the file\n"));
  EXPECT_THAT(text, HasSubstr("both"));
}

TEST(SpawnTest, IgnoredAndBlockedSignalsAreNotInherited) {
  ipc::remember_world();
  std::signal(SIGPIPE, SIG_IGN);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  const std::string text = output_of("grep -E 'Sig(Blk|Ign)' /proc/self/status");
  pthread_sigmask(SIG_UNBLOCK, &blocked, nullptr);
  EXPECT_THAT(text, HasSubstr("SigBlk:\t0000000000000000"));
  EXPECT_THAT(text, HasSubstr("SigIgn:\t0000000000000000"));
}

TEST(SpawnTest, FailureNamesItsStageAndLeavesNoChild) {
#ifdef __SANITIZE_THREAD__
  GTEST_SKIP() << "here vfork is fork, and the child cannot tell";
#endif
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {  // what other tests left
  }
  const ipc::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
  const std::vector<std::string> environment;
  SpawnSpec spec;
  spec.program = null.get();
  spec.arguments = {"nothing"};
  spec.environment = &environment;
  spec.descriptors = {null.get(), null.get(), null.get()};
  auto process = spawn(spec);
  ASSERT_FALSE(process);
  EXPECT_THAT(process.error().message(), HasSubstr("execute"));
  spec.directory = "/does/not/exist";
  process = spawn(spec);
  ASSERT_FALSE(process);
  EXPECT_THAT(process.error().message(), HasSubstr("directory"));
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace charter::supervisor
