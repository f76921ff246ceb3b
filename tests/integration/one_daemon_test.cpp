// One daemon serves one project, wherever each keeps its data and listens.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::HasSubstr;

constexpr int kFailed = 1;

class OneDaemon : public ::testing::Test {
 protected:
  static DaemonOptions elsewhere(const ProjectFixture& project) {
    DaemonOptions options;
    options.socket = project.scratch("other.sock");
    options.arguments = {"--data-dir", project.scratch("other"), "--socket-path", options.socket};
    return options;
  }
  static Finished start(const ProjectFixture& project, const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"start", "--project-path", project.root(), "--gateway",
                                       "http://127.0.0.1:9"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return charter_daemon(project, std::move(arguments));
  }
  static void expect_refused(const Finished& second, const DaemonProcess& first) {
    EXPECT_EQ(second.code, kFailed) << second.out << second.err;
    EXPECT_THAT(second.out + second.err,
                HasSubstr("Another charter-daemon (pid " + std::to_string(first.pid()) +
                          ") serves this project"));
  }

  ProjectFixture project;
};

TEST_F(OneDaemon, IsNotJoinedByOneThatKeepsItsDataElsewhere) {
  const DaemonProcess first(project, {});
  expect_refused(start(project, elsewhere(project).arguments), first);
  EXPECT_EQ(charter_daemon(project, {"status"}).code, 0);
}

TEST_F(OneDaemon, ThatKeepsItsDataElsewhereIsNotJoinedEither) {
  DaemonProcess first(project, elsewhere(project));
  expect_refused(start(project, {}), first);
  first.kill();
  DaemonProcess second(project, {});  // a dead one is in nobody's way
}

}  // namespace
}  // namespace charter::tests
