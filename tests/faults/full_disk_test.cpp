// The disk is full: runs are refused before it is, last words are written all the same, and when
// there is space again everything is as before. On a small disk of the test's own.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "tests/support/daemon_process.h"
#include "tests/support/hand_off_client.h"
#include "tests/support/http_client.h"
#include "tests/support/metrics_port.h"
#include "tests/support/project_fixture.h"
#include "tests/support/recording_gateway.h"

namespace charter::tests {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr int kRefused = 5;
constexpr std::uint64_t kReserve = 4U << 20;
constexpr std::uint64_t kPage = 4096;

bool write_text(const char* path, const std::string& text) {
  const int file = open(path, O_WRONLY | O_CLOEXEC);
  const bool written =
      file >= 0 && write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  if (file >= 0) close(file);
  return written;
}

// A mount namespace of this process's own, as root or in a user namespace. Empty, or why not.
std::string enter_namespace() {
  if (unshare(CLONE_NEWNS) != 0) {
    const auto user = std::to_string(geteuid());
    const auto group = std::to_string(getegid());
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
      return std::string("neither root nor allowed a user namespace: ") + std::strerror(errno);
    }
    (void)write_text("/proc/self/setgroups", "deny");
    if (!write_text("/proc/self/uid_map", user + " " + user + " 1") ||
        !write_text("/proc/self/gid_map", group + " " + group + " 1")) {
      return std::string("a user namespace takes no ids: ") + std::strerror(errno);
    }
  }
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return std::string("mounts cannot be made private: ") + std::strerror(errno);
  }
  return {};
}

class FullDisk : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string why = enter_namespace();
    if (!why.empty()) GTEST_SKIP() << why;
    if (mount("tmpfs", project_.root().c_str(), "tmpfs", 0, "size=24m,mode=755") != 0) {
      GTEST_SKIP() << "a small disk cannot be mounted: " << std::strerror(errno);
    }
    mounted_ = true;
    write_file(project_.root() + "/charter.yml", "name: tested\ncapabilities: {}\n");
    project_.add_workflow("hello", shell_step("greet", "true"));
    project_.add_workflow("hold", hold_step("wait", release_));
    project_.add_workflow("ask", gate_step("gate") + shell_step("after", "true"));
    std::string large = hold_step("wait", release_);
    for (int i = 0; i < 40; ++i) {
      large += shell_step("s" + std::to_string(i), "head -c 60000 /dev/zero | tr '\\0' x",
                          "outputs: {o" + std::to_string(i) + ": string}");
    }
    project_.add_workflow("large", large);
    DaemonOptions options;
    options.gateway = gateway_.url();
    options.arguments = {"--metrics-listen", "127.0.0.1:0"};
    daemon_ = std::make_unique<DaemonProcess>(project_, options);
  }
  void TearDown() override {
    daemon_.reset();
    if (mounted_) (void)umount2(project_.root().c_str(), MNT_DETACH);
  }

  [[nodiscard]] Answer run(const std::string& id, const std::string& workflow) const {
    return hand_off(daemon_->socket(), {id, workflow, project_.plan(workflow), {}, {}, nullptr});
  }
  [[nodiscard]] std::uint64_t free_bytes() const {
    struct statvfs info {};
    EXPECT_EQ(statvfs(project_.root().c_str(), &info), 0);
    return std::uint64_t{info.f_bavail} * info.f_frsize;
  }
  // Until no more than this is free.
  void fill(std::uint64_t left) {
    const auto name = project_ / ("ballast" + std::to_string(ballasts_++));
    const int file = open(name.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ASSERT_GE(file, 0) << std::strerror(errno);
    // The daemon takes and gives space meanwhile.
    std::uint64_t have = 0;
    for (std::uint64_t free = free_bytes(), share = 1; free > left + kPage; free = free_bytes()) {
      const std::uint64_t more = std::max<std::uint64_t>((free - left) / share, kPage);
      if (posix_fallocate(file, static_cast<off_t>(have), static_cast<off_t>(more)) == 0) {
        have += more;
        share = 1;
      } else if (more == kPage) {
        break;
      } else {
        share *= 2;
      }
    }
    close(file);
  }
  void make_space() const {
    for (int i = 0; i < ballasts_; ++i) {
      (void)unlink((project_ / ("ballast" + std::to_string(i))).c_str());
    }
  }
  [[nodiscard]] std::string trouble() const {
    const auto status = control(daemon_->socket(), "status");
    if (status.empty()) return "no answer";
    return text_of(status.back().at("daemon").as_object(), "disk_trouble");
  }
  void fill_up() {
    fill(0);
    ASSERT_TRUE(eventually(kSoon, [&] { return trouble().find("used up") != std::string::npos; }))
        << trouble();
    ASSERT_FALSE(exists(reserve()));
  }
  [[nodiscard]] std::string reserve() const { return project_ / ".charter/daemon/reserve"; }
  void expect_service() const {
    ASSERT_TRUE(eventually(kSoon, [&] { return trouble().empty(); })) << trouble();
    EXPECT_EQ(read_file(reserve()).size(), kReserve);
    const Answer answer = run("later", "hello");
    ASSERT_TRUE(answer.ok) << answer.error;
  }
  void expect_delivered(const std::string& id, std::string_view kind) {
    EXPECT_EQ(gateway_.wait_for_end(id), kind) << id << "\n" << daemon_->log();
    EXPECT_EQ(gateway_.order_faults(id), "") << id;
  }

  ProjectFixture project_;
  RecordingGateway gateway_;
  std::string release_ = project_.scratch("release");
  std::unique_ptr<DaemonProcess> daemon_;
  bool mounted_ = false;
  int ballasts_ = 0;
};

TEST_F(FullDisk, RunsAreRefusedBeforeItAndTakenOnAfterIt) {
  ASSERT_EQ(read_file(reserve()).size(), kReserve);
  ASSERT_TRUE(run("r1", "hold").ok);
  ASSERT_TRUE(reaches_state(daemon_->socket(), "r1", "executing"));
  fill(3U << 20);
  ASSERT_TRUE(eventually(kSoon, [&] { return !trouble().empty(); }));
  EXPECT_TRUE(exists(reserve()));
  const Answer refused = run("r2", "hello");
  EXPECT_FALSE(refused.ok);
  EXPECT_THAT(refused.error, HasSubstr("disk"));
  const Finished asked = charter_daemon(project_, {"run", "hello"});
  EXPECT_EQ(asked.code, kRefused) << asked.err;
  EXPECT_THAT(asked.err, HasSubstr("disk"));
  const Finished shown = charter_daemon(project_, {"status"});
  EXPECT_EQ(shown.code, 0);
  EXPECT_THAT(shown.out, HasSubstr("MiB are free"));
  const auto ready = [&] { return http(metrics_port(*daemon_), "GET", "/readyz"); };
  EXPECT_EQ(ready().status, 503);
  EXPECT_THAT(ready().body,
              ::testing::MatchesRegex("not ready: the disk is full, [0-9.]+ MiB are free\n"));
  write_file(release_, "");
  expect_delivered("r1", "RunCompleteEvent");
  make_space();
  expect_service();
  EXPECT_EQ(ready().status, 200);
  expect_delivered("later", "RunCompleteEvent");
}

// What steps print is no promise: it leaves the space to what is one, and what is missing is told.
TEST_F(FullDisk, LogsLeaveItsRestAlone) {
  project_.add_workflow("talks", shell_step("one", "echo lost") + hold_step("two", release_) +
                                     shell_step("three", "echo kept"));
  const std::string segment = project_ / ".charter/daemon/journals/r1.out0";
  fill(10U << 20);
  ASSERT_TRUE(run("r1", "talks").ok);
  ASSERT_TRUE(gateway_.wait_for_event("r1", "StepCompleteEvent"));
  EXPECT_FALSE(exists(segment));
  make_space();
  ASSERT_GT(free_bytes(), 16U << 20) << "the disk is too small for this";
  write_file(release_, "");
  expect_delivered("r1", "RunCompleteEvent");
  const Finished shown = charter_daemon(project_, {"logs", "r1"});
  EXPECT_EQ(shown.out, "kept\n");
  EXPECT_THAT(shown.err, HasSubstr("5 bytes of output"));
}

TEST_F(FullDisk, LastWordsAreWrittenOnIt) {
  ASSERT_TRUE(run("held", "hold").ok);
  ASSERT_TRUE(run("large", "large").ok);
  ASSERT_TRUE(run("ask", "ask").ok);
  ASSERT_TRUE(reaches_state(daemon_->socket(), "ask", "paused"));
  ASSERT_TRUE(reaches_state(daemon_->socket(), "held", "executing"));
  ASSERT_TRUE(reaches_state(daemon_->socket(), "large", "executing"));
  fill_up();
  EXPECT_FALSE(run("refused", "hello").ok);
  const auto killed = control(daemon_->socket(), "kill", {{"run_id", "held"}, {"grace_ms", 200}});
  ASSERT_FALSE(killed.empty());
  EXPECT_TRUE(killed.back().at("ok").as_bool()) << boost::json::serialize(killed.back());
  expect_delivered("held", "RunCancelledEvent");
  const auto approved =
      control(daemon_->socket(), "resume", {{"run_id", "ask"}, {"approved", true}});
  ASSERT_FALSE(approved.empty());
  EXPECT_TRUE(approved.back().at("ok").as_bool()) << boost::json::serialize(approved.back());
  write_file(release_, "");  // more than what is left there
  (void)gateway_.wait_for_end("large", milliseconds(5000));
  make_space();
  expect_service();
  expect_delivered("ask", "RunCompleteEvent");
  expect_delivered("later", "RunCompleteEvent");
  const std::string end = gateway_.wait_for_end("large");
  EXPECT_THAT(end, AnyOf("RunCompleteEvent", "RunFailedEvent")) << daemon_->log();
  EXPECT_EQ(gateway_.order_faults("large"), "");
  if (end == "RunFailedEvent") {
    EXPECT_THAT(text_of(gateway_.events("large").back(), "error"),
                AnyOf(HasSubstr("disk is full"), HasSubstr("No space left")));
  }
}

TEST_F(FullDisk, DaemonKilledOnItRecoversThere) {
  ASSERT_TRUE(run("held", "hold").ok);
  ASSERT_TRUE(run("done", "hold").ok);
  ASSERT_TRUE(run("ask", "ask").ok);
  ASSERT_TRUE(reaches_state(daemon_->socket(), "ask", "paused"));
  ASSERT_TRUE(reaches_state(daemon_->socket(), "held", "executing"));
  ASSERT_TRUE(reaches_state(daemon_->socket(), "done", "executing"));
  fill_up();
  daemon_->kill();
  daemon_->start();
  EXPECT_TRUE(reaches_state(daemon_->socket(), "held", "executing"));
  EXPECT_EQ(text_of(run_view(daemon_->socket(), "ask"), "state"), "paused");
  EXPECT_FALSE(run("refused", "hello").ok);
  const auto killed = control(daemon_->socket(), "kill", {{"run_id", "held"}, {"grace_ms", 200}});
  ASSERT_FALSE(killed.empty());
  EXPECT_TRUE(killed.back().at("ok").as_bool()) << boost::json::serialize(killed.back());
  expect_delivered("held", "RunCancelledEvent");
  // And where not one byte is left.
  fill(0);
  daemon_->kill();
  daemon_->start();
  EXPECT_TRUE(reaches_state(daemon_->socket(), "done", "executing"));
  EXPECT_FALSE(run("refused", "hello").ok);
  write_file(release_, "");
  make_space();
  expect_service();
  expect_delivered("later", "RunCompleteEvent");
  EXPECT_THAT(gateway_.wait_for_end("done"), AnyOf("RunCompleteEvent", "RunFailedEvent"));
  EXPECT_EQ(gateway_.order_faults("done"), "");
  const auto approved =
      control(daemon_->socket(), "resume", {{"run_id", "ask"}, {"approved", true}});
  ASSERT_FALSE(approved.empty());
  expect_delivered("ask", "RunCompleteEvent");
}

}  // namespace
}  // namespace charter::tests
