// The systemd units as they are installed: systemd understands every line, the hardened one stays
// hardened, and what they start is a daemon. The manager itself is not needed for that.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <iterator>
#include <regex>
#include <sstream>

#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kExposureMax = "30";  // tenths

// The first line of that key, without it.
std::string value_of(const std::string& unit, const std::string& key) {
  std::smatch found;
  return std::regex_search(unit, found, std::regex("(^|\n)" + key + "=([^\n]+)")) ? found[2].str()
                                                                                  : std::string();
}

// The line that starts the daemon.
std::string exec_start(const std::string& unit) { return value_of(unit, "ExecStart"); }

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in(line);
  return {std::istream_iterator<std::string>(in), {}};
}

// The units of "system" or "user" in a directory of the test, for a program that is there.
class UnitFiles : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    ChildSpec look;
    look.argv = {"/bin/sh", "-c", "command -v systemd-analyze"};
    if (run_to_end(look).code != 0) {
      GTEST_SKIP() << "systemd-analyze is not installed";
    }
    const std::string unit = built("charter-daemon@.service");
    const auto words = words_of(exec_start(unit));
    ASSERT_FALSE(words.empty());
    write_file(units_ / "charter-daemon@.service", replaced(unit, words.front(), daemon_binary()));
    write_file(units_ / "charter-daemon@.socket", built("charter-daemon@.socket"));
  }
  [[nodiscard]] static std::string built(const std::string& name) {
    return read_file(std::string(CHARTER_BUILD_DIR "/systemd/") + GetParam() + "/" + name);
  }
  [[nodiscard]] Finished analyze(std::vector<std::string> arguments) const {
    ChildSpec spec;
    spec.argv = {"systemd-analyze", "--no-pager"};
    if (std::string(GetParam()) == "user") spec.argv.emplace_back("--user");
    spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
    // A manager of a user wants one, and there need not be a session.
    spec.set["XDG_RUNTIME_DIR"] = units_.path();
    return run_to_end(spec);
  }
  // Of the project /srv/my-shop.
  [[nodiscard]] std::string instance(const std::string& type) const {
    return units_ / ("charter-daemon@srv-my\\x2dshop." + type);
  }
  void expect_verified() const {
    for (const char* type : {"service", "socket"}) {
      const auto end = analyze({"verify", instance(type)});
      EXPECT_EQ(end.code, 0) << end.err;
      // Other units of this host may be wrong.
      EXPECT_THAT(end.err, Not(HasSubstr("charter-daemon@")));
    }
  }
  TempDir units_{"charter-units"};
};

INSTANTIATE_TEST_SUITE_P(Of, UnitFiles, ::testing::Values("system", "user"),
                         [](const auto& one) { return std::string(one.param); });

TEST_P(UnitFiles, AreUnderstoodWhole) { expect_verified(); }

TEST_P(UnitFiles, LineThatSystemdDoesNotKnowIsSeen) {
  const std::string path = units_ / "charter-daemon@.service";
  write_file(path, replaced(read_file(path), "KillMode=", "KilMode="));
  EXPECT_THAT(analyze({"verify", instance("service")}).err, HasSubstr("KilMode"));
}

TEST_P(UnitFiles, StartADaemonOfTheInstancesPath) {
  const ProjectFixture project;
  ChildSpec spec;
  spec.argv = words_of(
      replaced(exec_start(read_file(units_ / "charter-daemon@.service")), "%f", project.root()));
  spec.set["TEST_MARK"] = project.mark();
  spec.output = project.scratch("daemon.log");
  ChildProcess daemon(spec);
  EXPECT_TRUE(eventually(kSoon, [&] { return can_connect(project.socket()); }))
      << read_file(spec.output);
}

TEST_P(UnitFiles, SocketIsWhereTheDaemonOfTheInstanceWouldMakeIt) {
  const ProjectFixture project;
  EXPECT_THAT(replaced(built("charter-daemon@.socket"), "ListenStream=%f",
                       "ListenStream=" + project.root()),
              HasSubstr("\nListenStream=" + project.socket() + "\n"));
}

// A start reads what all undelivered runs have left; one that was killed for it would begin anew.
TEST_P(UnitFiles, StartIsNotCutShort) {
  EXPECT_EQ(value_of(built("charter-daemon@.service"), "TimeoutStartSec"), "infinity");
}

class SystemUnit : public UnitFiles {
 protected:
  [[nodiscard]] Finished exposure() const {
    return analyze({"security", "--offline=true", std::string("--threshold=") + kExposureMax,
                    instance("service")});
  }
};

INSTANTIATE_TEST_SUITE_P(Of, SystemUnit, ::testing::Values("system"),
                         [](const auto& one) { return std::string(one.param); });

TEST_P(SystemUnit, ExposesAtMostThreePoints) {
  const auto end = exposure();
  EXPECT_EQ(end.code, 0) << end.out << end.err;
  EXPECT_THAT(end.out, HasSubstr("Overall exposure level"));
}

TEST_P(SystemUnit, WithTheDropInGivesStepsBackWhatSudoNeeds) {
  write_file(units_ / "charter-daemon@.service.d/permit-steps.conf",
             read_file(CHARTER_BUILD_DIR "/systemd/permit-steps.conf"));
  expect_verified();
  const auto end = exposure();
  EXPECT_NE(end.code, 0) << "the drop-in is not in force";
  for (const char* line : {"NoNewPrivileges=", "RestrictSUIDSGID=", "LockPersonality=",
                           "SystemCallArchitectures=", "RestrictRealtime=", "PrivateDevices="}) {
    EXPECT_THAT(end.out, HasSubstr(std::string("✗ ") + line));
  }
}

// systemd makes missing parents of a socket as root.
TEST_P(SystemUnit, SocketFindsItsDirectoryMadeByTheDaemonsUser) {
  const std::string unit = built("charter-daemon@.socket");
  EXPECT_EQ(value_of(unit, "User"), value_of(built("charter-daemon@.service"), "User"));
  EXPECT_EQ(value_of(unit, "User"), value_of(unit, "SocketUser"));
  const TempDir project{"charter-fresh"};
  ChildSpec spec;
  spec.argv = words_of(replaced(value_of(unit, "ExecStartPre"), "%f", project.path()));
  for (const char* when : {"new", "there"}) {
    EXPECT_EQ(run_to_end(spec).code, 0) << when;
    EXPECT_TRUE(std::filesystem::is_directory(project / ".charter")) << when;
  }
}

}  // namespace
}  // namespace charter::tests
