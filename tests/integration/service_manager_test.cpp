// What the daemon says to a service manager, and takes from it: sd_notify(3), sd_listen_fds(3).
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <utility>

#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  return address;
}

// A bound Unix socket; the caller's.
int bound(const std::string& path, int type) {
  const int socket = ::socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
  const sockaddr_un address = address_of(path);
  EXPECT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return socket;
}

// The manager's end of NOTIFY_SOCKET.
class Manager {
 public:
  Manager() : socket_(bound(path(), SOCK_DGRAM | SOCK_NONBLOCK)) {}
  ~Manager() { ::close(socket_); }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  [[nodiscard]] std::string path() const { return directory_ / "notify"; }
  // Everything so far.
  const std::vector<std::string>& messages() {
    char buffer[4096];
    for (ssize_t got; (got = ::recv(socket_, buffer, sizeof buffer, 0)) >= 0;) {
      messages_.emplace_back(buffer, static_cast<std::size_t>(got));
    }
    return messages_;
  }
  bool hears(const std::string& beginning) {
    return eventually(kSoon, [&] {
      const auto& all = messages();
      return std::any_of(all.begin(), all.end(),
                         [&](const auto& one) { return one.starts_with(beginning); });
    });
  }
  std::size_t count(const std::string& message) {
    const auto& all = messages();
    return static_cast<std::size_t>(std::count(all.begin(), all.end(), message));
  }

 private:
  TempDir directory_;
  int socket_;
  std::vector<std::string> messages_;
};

DaemonOptions managed(const Manager& manager, std::map<std::string, std::string> more = {}) {
  DaemonOptions options;
  options.environment = std::move(more);
  options.environment["NOTIFY_SOCKET"] = manager.path();
  return options;
}

TEST(ServiceManager, IsToldWhenTheSocketAnswersAndWhenTheEndBegins) {
  Manager manager;
  const ProjectFixture project;
  DaemonProcess daemon(project, managed(manager));
  ASSERT_TRUE(manager.hears("READY=1"));
  EXPECT_TRUE(manager.hears("STATUS=0 executing, 0 queued, 0 paused; gateway not connected"));
  EXPECT_THAT(manager.messages(), Not(Contains("STOPPING=1")));
  daemon.signal(SIGTERM);
  ASSERT_EQ(daemon.wait().value_or(Ending{}).code, 0);
  EXPECT_THAT(manager.messages(), Contains("STOPPING=1"));
  EXPECT_THAT(manager.messages(), Not(Contains("WATCHDOG=1")));
}

TEST(ServiceManager, IsToldWhatTheRunsDo) {
  Manager manager;
  Started scene(managed(manager));
  scene.project.add_workflow("ask", gate_step("gate"));
  ASSERT_TRUE(scene.run("waits", "ask").ok);
  EXPECT_TRUE(manager.hears("STATUS=0 executing, 0 queued, 1 paused; gateway connected"));
}

TEST(ServiceManager, WatchdogIsFedByTheLoopAloneWithoutAGateway) {
  Manager manager;
  const ProjectFixture project;
  DaemonProcess daemon(project, managed(manager, {{"WATCHDOG_USEC", "100000"}}));
  ASSERT_TRUE(eventually(kSoon, [&] { return manager.count("WATCHDOG=1") >= 5; }));
  // A loop that stands still feeds nothing.
  daemon.signal(SIGSTOP);
  const std::string stat = "/proc/" + std::to_string(daemon.pid()) + "/stat";
  ASSERT_TRUE(eventually(kSoon, [&] { return read_file(stat).find(") T ") != std::string::npos; }));
  const std::size_t before = manager.count("WATCHDOG=1");
  EXPECT_TRUE(throughout(milliseconds(300), [&] { return manager.count("WATCHDOG=1") == before; }));
  daemon.signal(SIGCONT);
  EXPECT_TRUE(eventually(kSoon, [&] { return manager.count("WATCHDOG=1") > before; }));
}

TEST(ServiceManager, WatchdogOfAnotherProcessIsNotFed) {
  Manager manager;
  const ProjectFixture project;
  DaemonProcess daemon(project,
                       managed(manager, {{"WATCHDOG_USEC", "20000"}, {"WATCHDOG_PID", "1"}}));
  ASSERT_TRUE(manager.hears("READY=1"));
  EXPECT_TRUE(throughout(milliseconds(200), [&] { return manager.count("WATCHDOG=1") == 0; }));
}

TEST(ServiceManager, StartThatFailsSaysWhy) {
  Manager manager;
  const ProjectFixture project;
  write_file(project / ".charter/daemon.sock", "");
  DaemonOptions options = managed(manager);
  options.wait_for_socket = false;
  DaemonProcess daemon(project, options);
  EXPECT_TRUE(manager.hears("STATUS=Socket path exists and is not a socket"));
  EXPECT_EQ(daemon.wait().value_or(Ending{}).code, 1);
}

TEST(ServiceManager, StepsKnowNothingOfIt) {
  Manager manager;
  Started scene(managed(manager, {{"WATCHDOG_USEC", "60000000"}}));
  const std::string seen = scene.project.scratch("environment");
  scene.project.add_workflow("look", shell_step("look", "env > " + seen));
  ASSERT_TRUE(scene.run("r", "look").ok);
  ASSERT_EQ(scene.gateway.wait_for_end("r"), "RunCompleteEvent");
  EXPECT_THAT(read_file(seen), AllOf(HasSubstr("PATH="), Not(HasSubstr("NOTIFY_SOCKET")),
                                     Not(HasSubstr("WATCHDOG_"))));
}

// A daemon that is handed its socket as descriptor 3, the way systemd does it.
class HandedOver : public ::testing::Test {
 protected:
  ChildProcess start(const std::string& path) {
    std::filesystem::create_directories(project_ / ".charter");
    listener_ = bound(path, SOCK_STREAM);
    EXPECT_EQ(::listen(listener_, 16), 0);
    ChildSpec spec;
    spec.argv = {"/bin/sh",
                 "-c",
                 R"(exec 3<&0; LISTEN_FDS=1 LISTEN_PID=$$ exec "$@" </dev/null)",
                 "sh",
                 daemon_binary(),
                 "start",
                 "--project-path",
                 project_.root(),
                 "--gateway",
                 "http://127.0.0.1:9"};
    spec.input = listener_;
    spec.output = project_.scratch("daemon.log");
    spec.set["TEST_MARK"] = project_.mark();
    return ChildProcess(spec);
  }
  ~HandedOver() override {
    if (listener_ >= 0) ::close(listener_);
  }
  ProjectFixture project_;
  int listener_ = -1;
};

TEST_F(HandedOver, SocketIsServedAndLeftInItsPlace) {
  project_.add_workflow("hello", shell_step("greet", "true"));
  auto daemon = start(project_.socket());
  HandOff request;
  request.run_id = "r";
  request.workflow_id = "hello";
  request.workflow_path = project_.plan("hello");
  EXPECT_TRUE(hand_off(project_.socket(), request).ok);
  EXPECT_TRUE(reaches_state(project_.socket(), "r", "finished"));
  daemon.signal(SIGTERM);
  ASSERT_EQ(daemon.wait().value_or(Ending{}).code, 0);
  struct stat info = {};
  EXPECT_EQ(::stat(project_.socket().c_str(), &info), 0);
  EXPECT_TRUE(S_ISSOCK(info.st_mode));
}

// Whoever connects to a socket that outlives its daemon has the manager start the next one.
TEST_F(HandedOver, WhoWaitsForTheEndDoesNotStartTheNext) {
  for (const char* command : {"drain", "stop"}) {
    auto daemon = start(project_.socket());
    ASSERT_FALSE(control(project_.socket(), "ping").empty()) << command;
    std::vector<std::string> words{command};
    if (words.front() == "drain") words.emplace_back("--wait");
    const auto begun = Clock::now();
    const auto end = charter_daemon(project_, words);
    EXPECT_EQ(end.code, 0) << command << ": " << end.err;
    EXPECT_LT(since(begun), milliseconds(5000)) << command;
    EXPECT_TRUE(daemon.wait().has_value()) << command;
    pollfd called{listener_, POLLIN, 0};
    EXPECT_EQ(::poll(&called, 1, 0), 0) << "the next one would be started by " << command;
    ::close(std::exchange(listener_, -1));
    std::filesystem::remove(project_.socket());
  }
}

TEST_F(HandedOver, SocketElsewhereIsRefusedNamingBothPlaces) {
  const std::string elsewhere = project_.scratch("other.sock");
  auto daemon = start(elsewhere);
  ASSERT_EQ(daemon.wait().value_or(Ending{}).code, 1);
  EXPECT_THAT(read_file(project_.scratch("daemon.log")),
              AllOf(HasSubstr(elsewhere), HasSubstr(project_.socket())));
}

// Whoever asks as soon as the socket is there must not end it: its handlers come a moment later.
TEST(Hangup, IsNoEndWhileItStarts) {
  Started scene;
  for (int i = 0; i < 20; ++i) {
    scene.daemon.kill();
    scene.daemon.start();
    scene.daemon.signal(SIGHUP);
    ASSERT_FALSE(control(scene.daemon.socket(), "ping").empty()) << "start " << i;
    ASSERT_TRUE(scene.daemon.running());
  }
}

TEST(Hangup, ReloadsTheTokenAndConnectsAnewWhileRunsGoOn) {
  DaemonOptions options;
  TempDir secrets;
  const std::string token = secrets / "token";
  write_file(token, "first");
  options.arguments = {"--token-file", token};
  Started scene(options);
  const std::string release = scene.project.scratch("release");
  scene.project.add_workflow("hold", hold_step("wait", release));
  ASSERT_TRUE(scene.run("works", "hold").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("works", "StepStartEvent"));
  const std::size_t registered = scene.gateway.of_type("worker.register").size();
  write_file(token, "second");
  scene.daemon.signal(SIGHUP);
  ASSERT_TRUE(scene.gateway.wait_for("worker.register", registered + 1));
  EXPECT_THAT(scene.gateway.of_type("!open").back().text, HasSubstr("Bearer second"));
  EXPECT_TRUE(scene.daemon.running());
  write_file(release, "");
  EXPECT_EQ(scene.gateway.wait_for_end("works"), "RunCompleteEvent");
  EXPECT_EQ(scene.gateway.order_faults("works"), "");
}

}  // namespace
}  // namespace charter::tests
