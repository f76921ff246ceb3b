// The hand-off socket under more connections than anybody needs.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>
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

// Connections that begin a request and never end it, or whose answer never ends.
class Stalled {
 public:
  Stalled() = default;
  Stalled(const Stalled&) = delete;
  Stalled& operator=(const Stalled&) = delete;
  ~Stalled() { end(); }
  void end() {
    for (const int fd : open_) ::close(fd);
    open_.clear();
  }

  // `begin`: what each says.
  [[nodiscard]] bool add(const std::string& socket, std::size_t count,
                         const std::string& begin = "{") {
    for (std::size_t made = 0; made < count; ++made) {
      const int fd = connect_to(socket);
      if (fd < 0) return false;
      open_.push_back(fd);
      // The daemon may have closed it already to make room, which is its right.
      if (::send(fd, begin.data(), begin.size(), MSG_NOSIGNAL) < 0 && errno != EPIPE) return false;
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

// None of them is unfinished, so none gives way.
TEST(Connections, OfThoseWhoFollowARunLeaveHalfOfTheDescriptorsToRuns) {
  constexpr std::size_t kMost = 96;
  DaemonOptions few;
  const auto limit = std::to_string(kMost);
  few.command = {"prlimit", "--nofile=" + limit + ":" + limit, daemon_binary()};
  Started scene(std::move(few));
  ASSERT_TRUE(scene.gateway.wait_for("worker.register"));
  const std::string release = scene.project.scratch("release");
  scene.project.add_workflow("hold", hold_step("wait", release));
  scene.gateway.send(
      {{"type", "run.start"}, {"command_id", "c0"}, {"workflow_id", "hold"}, {"run_id", "r0"}});
  ASSERT_TRUE(scene.gateway.wait_for_event("r0", "StepStartEvent"));
  const std::size_t before = descriptors_of(scene.daemon.pid()).size();
  Stalled followers;
  const std::string follow =
      R"({"type":"control","version":1,"op":"events","run_id":"r0","follow":true})";
  ASSERT_TRUE(followers.add(scene.daemon.socket(), kMost, follow + "\n"));
  for (int times = 0; times < 20; ++times) {
    const auto refused = charter_daemon(scene.project, {"status"});
    EXPECT_NE(refused.code, 0) << refused.out;
    EXPECT_NE(refused.err.find("Too many connections"), std::string::npos) << refused.err;
  }
  EXPECT_LE(descriptors_of(scene.daemon.pid()).size(), before + kMost / 2);
  // By the gateway, whose runs need some.
  scene.gateway.send(
      {{"type", "run.start"}, {"command_id", "c1"}, {"workflow_id", "hold"}, {"run_id", "r1"}});
  EXPECT_TRUE(scene.gateway.wait_for_event("r1", "StepStartEvent")) << scene.daemon.log();
  followers.end();
  EXPECT_TRUE(eventually(kSoon, [&] { return scene.run("r2", "hold").ok; }));
  write_file(release, "");
  for (const char* run : {"r0", "r1", "r2"}) {
    EXPECT_EQ(scene.gateway.wait_for_end(run), "RunCompleteEvent");
  }
}

}  // namespace
}  // namespace charter::tests
