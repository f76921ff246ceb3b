// The hand-off socket under more connections than anybody needs.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <sstream>
#include <string>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/process_table.h"
#include "tests/support/started.h"
#include "tests/support/wait.h"

namespace charter::tests {
namespace {

// Connections that begin a request and never end it.
class Stalled {
 public:
  Stalled() = default;
  Stalled(const Stalled&) = delete;
  Stalled& operator=(const Stalled&) = delete;
  ~Stalled() {
    for (const int fd : open_) ::close(fd);
  }

  [[nodiscard]] bool add(const std::string& socket, std::size_t count) {
    for (std::size_t made = 0; made < count; ++made) {
      const int fd = connect_to(socket);
      if (fd < 0) return false;
      open_.push_back(fd);
      // The daemon may have closed it already to make room, which is its right.
      if (::write(fd, "{", 1) < 0 && errno != EPIPE) return false;
    }
    return true;
  }

 private:
  std::vector<int> open_;
};

bool may_open(rlim_t count) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::max(limit.rlim_cur, std::min(limit.rlim_max, count));
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur >= count;
}

// Processor time a process has taken so far.
milliseconds busy(pid_t pid) {
  std::string stat = read_file("/proc/" + std::to_string(pid) + "/stat");
  std::istringstream fields(stat.substr(stat.rfind(')') + 2));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  long user = 0;
  long system = 0;
  fields >> user >> system;
  return milliseconds((user + system) * 1000 / ::sysconf(_SC_CLK_TCK));
}

// What it takes in two seconds in which nobody asks for anything.
milliseconds busy_at_rest(pid_t pid) {
  constexpr seconds kWatched{2};
  const auto before = busy(pid);
  const auto start = Clock::now();
  (void)eventually(kWatched, [&] { return since(start) >= kWatched; });
  return busy(pid) - before;
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(Connections, FiveThousandNeitherSpinNorStarve) {
  if (!may_open(6'000)) GTEST_SKIP() << "this user may not open 6,000 files";
  Started scene;
  scene.project.add_workflow("hello", shell_step("greet", "true"));
  ASSERT_TRUE(scene.run("warm", "hello").ok);
  ASSERT_EQ(scene.gateway.wait_for_end("warm"), "RunCompleteEvent");

  Stalled stalled;
  ASSERT_TRUE(stalled.add(scene.daemon.socket(), 5'000));
  const auto start = Clock::now();
  EXPECT_TRUE(scene.run("beside", "hello").ok);
  const auto answered = since(start);
  EXPECT_LT(answered, seconds(1));
  RecordProperty("answered_ms", static_cast<int>(answered.count()));
  EXPECT_EQ(scene.gateway.wait_for_end("beside"), "RunCompleteEvent");
  EXPECT_LT(descriptors_of(scene.daemon.pid()).size(), 2'200U);
  EXPECT_LT(busy_at_rest(scene.daemon.pid()), milliseconds(200));
}

TEST(Connections, WithoutDescriptorsForThemRunsGoOnAndNothingSpins) {
  DaemonOptions few;
  few.command = {"prlimit", "--nofile=96:96", daemon_binary()};
  Started scene(std::move(few));
  scene.project.add_workflow("hello", shell_step("greet", "true"));
  ASSERT_TRUE(scene.run("warm", "hello").ok);
  ASSERT_EQ(scene.gateway.wait_for_end("warm"), "RunCompleteEvent");

  Stalled stalled;
  ASSERT_TRUE(stalled.add(scene.daemon.socket(), 400));
  const auto start = Clock::now();
  const auto answer = scene.run("beside", "hello");
  const auto answered = since(start);
  EXPECT_TRUE(answer.ok) << answer.raw;
  EXPECT_LT(answered, seconds(1));
  RecordProperty("answered_ms", static_cast<int>(answered.count()));
  EXPECT_EQ(scene.gateway.wait_for_end("beside"), "RunCompleteEvent");
  EXPECT_LE(descriptors_of(scene.daemon.pid()).size(), 96U);
  EXPECT_LT(busy_at_rest(scene.daemon.pid()), milliseconds(200));
  EXPECT_LT(count_of(scene.daemon.log(), "Cannot accept"), 50U);
}

}  // namespace
}  // namespace charter::tests
