// `kill` of processes that cannot end yet. Who only waits for a processor is waited for; who cannot
// be woken is named in time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "tests/support/process_table.h"
#include "tests/support/started.h"
#include "tests/support/starved_group.h"

namespace charter::tests {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr milliseconds kGrace{200};
constexpr milliseconds kPatience{2000};  // for processes that were sent KILL
constexpr milliseconds kBusyMachine{3000};

class Starved : public ::testing::Test {
 protected:
  void start() {
    scene.project.add_workflow(
        "many", shell_step("many", "for i in 1 2 3; do setsid sleep 1000 & done; wait"));
    ASSERT_TRUE(scene.run("r1", "many").ok);
    ASSERT_TRUE(eventually(kRunTime, [&] {
      sleepers = scene.project.processes_of("r1");
      std::erase_if(sleepers, [](pid_t pid) { return !command_line_of(pid).starts_with("sleep"); });
      return sleepers.size() == 3;
    }));
  }
  // The kill, going on while the test looks.
  ChildProcess kill_run() {
    ChildSpec spec;
    spec.argv = {daemon_binary(), "kill", "r1", "--grace", "0.2", "--json"};
    spec.directory = scene.project.root();
    spec.output = told;
    return ChildProcess(spec);
  }

  void expect_waited_for(const std::vector<pid_t>& pids) {
    StarvedGroup group;
    if (!group.why_not().empty()) GTEST_SKIP() << group.why_not();
    for (const pid_t pid : pids) ASSERT_TRUE(group.take(pid));
    ChildProcess kill = kill_run();
    EXPECT_TRUE(throughout(kGrace + kPatience + milliseconds(800), [&] { return kill.running(); }))
        << "it was given up: " << read_file(told);
    group.feed();
    const auto ending = kill.wait();
    ASSERT_TRUE(ending.has_value());
    EXPECT_EQ(ending->code, 0) << read_file(told);
    EXPECT_THAT(read_file(told), HasSubstr(R"("left":[])"));
    EXPECT_THAT(scene.project.processes_of("r1"), IsEmpty());
    EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCancelledEvent");
  }

  Started scene;
  const std::string told = scene.project.scratch("told");
  std::vector<pid_t> sleepers;
};

TEST_F(Starved, ProcessesThatGetNoProcessorToEndOnAreWaitedFor) {
  ASSERT_NO_FATAL_FAILURE(start());
  expect_waited_for(sleepers);
}

// The leader of its threads is a zombie, the process is not.
TEST_F(Starved, ProcessWhoseMainThreadHasEndedIsWaitedFor) {
  const std::string file = scene.project.scratch("pid");
  scene.project.add_workflow(
      "headless", shell_step("headless",
                             "exec python3 -c '\n"
                             "import ctypes, os, threading, time\n"
                             "threading.Thread(target=time.sleep, args=(1000,)).start()\n"
                             "open(\"" +
                                 file +
                                 "\", \"w\").write(str(os.getpid()))\n"
                                 "ctypes.CDLL(None).syscall(" +
                                 std::to_string(SYS_exit) + ", 0)'"));
  ASSERT_TRUE(scene.run("r1", "headless").ok);
  ASSERT_TRUE(eventually(kRunTime, [&] { return !read_file(file).empty(); }));
  const pid_t pid = std::stoi(read_file(file));
  ASSERT_TRUE(eventually(kSoon, [&] { return !alive(pid); })) << "its main thread lives";
  expect_waited_for({pid});
}

// A group of the freezer, in which even KILL wakes nobody.
class Freezer {
 public:
  Freezer() {
    if (::mkdir(group_.c_str(), 0755) != 0)
      why_not_ = "make " + group_ + ": " + std::strerror(errno);
  }
  ~Freezer() {
    put("freezer.state", "THAWED");
    if (!why_not_.empty()) return;
    (void)eventually(kSoon, [&] { return ::rmdir(group_.c_str()) == 0; });
  }
  Freezer(const Freezer&) = delete;
  Freezer& operator=(const Freezer&) = delete;
  [[nodiscard]] const std::string& why_not() const { return why_not_; }
  void put(const char* name, const std::string& value) const {
    std::ofstream(group_ + "/" + name) << value;
  }
  [[nodiscard]] std::string state() const { return read_file(group_ + "/freezer.state"); }

 private:
  const std::string group_ =
      "/sys/fs/cgroup/freezer/charter-test-frozen-" + std::to_string(::getpid());
  std::string why_not_;
};

TEST_F(Starved, ProcessThatCannotBeWokenIsNamedInTime) {
  const Freezer freezer;
  if (!freezer.why_not().empty()) GTEST_SKIP() << freezer.why_not();
  ASSERT_NO_FATAL_FAILURE(start());
  freezer.put("cgroup.procs", std::to_string(sleepers.front()));
  freezer.put("freezer.state", "FROZEN");
  ASSERT_TRUE(eventually(kSoon, [&] { return freezer.state() == "FROZEN\n"; }));
  ChildProcess kill = kill_run();
  const auto begun = Clock::now();
  const auto ending = kill.wait();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->code, 6);
  EXPECT_LT(since(begun), kGrace + kPatience + kBusyMachine);
  EXPECT_THAT(read_file(told), HasSubstr("in an uninterruptible wait"));
  EXPECT_THAT(read_file(told), HasSubstr(R"("pid":)" + std::to_string(sleepers.front())));
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCancelledEvent");
  EXPECT_TRUE(alive(sleepers.front()));
  freezer.put("freezer.state", "THAWED");
  EXPECT_TRUE(eventually(kSoon, [&] { return !alive(sleepers.front()); }));
}

}  // namespace
}  // namespace charter::tests
