// `cmake --install`: the programs find each other and say what they need, wherever they lie.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <regex>
#include <string>

#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::HasSubstr;

class Installed : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access(CHARTER_BUILD_DIR, W_OK) != 0) GTEST_SKIP() << "the build is another user's";
    ChildSpec install;
    install.argv = {"cmake", "--install", CHARTER_BUILD_DIR, "--prefix", prefix.path()};
    const auto end = run_to_end(install);
    ASSERT_EQ(end.code, 0) << end.err;
  }
  TempDir prefix{"charter-inst"};
};

TEST_F(Installed, LayoutHasProgramsAndDocuments) {
  EXPECT_EQ(mode_of(prefix / "bin/charter-daemon"), 0755U);
  EXPECT_EQ(mode_of(prefix / "libexec/charter-daemon/charter-worker"), 0755U);
  EXPECT_FALSE(exists(prefix / "bin/charter-worker"));
  EXPECT_TRUE(exists(prefix / "share/doc/charter-daemon/README.md"));
  for (const char* page : {"charter-daemon", "charter-daemon-start", "charter-daemon-kill"}) {
    EXPECT_TRUE(exists(prefix / ("share/man/man1/" + std::string(page) + ".1.gz"))) << page;
  }
  EXPECT_TRUE(exists(prefix / "share/man/man1/charter-daemon-doctor.1.gz"));
  EXPECT_TRUE(exists(prefix / "share/man/man7/charter-daemon.7.gz"));
  EXPECT_TRUE(exists(prefix / "share/bash-completion/completions/charter-daemon"));
  EXPECT_TRUE(exists(prefix / "share/zsh/site-functions/_charter-daemon"));
  EXPECT_TRUE(exists(prefix / "share/fish/vendor_completions.d/charter-daemon.fish"));
}

TEST_F(Installed, DocumentsLinksLeadSomewhere) {
  const std::filesystem::path documents = prefix / "share/doc/charter-daemon";
  const std::regex link(R"(\]\(([^)#:]+)(#[^)]*)?\))");
  std::size_t links = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(documents)) {
    if (file.path().extension() != ".md") continue;
    const std::string text = read_file(file.path());
    for (std::sregex_iterator at(text.begin(), text.end(), link), end; at != end; ++at, ++links) {
      EXPECT_TRUE(exists(file.path().parent_path() / (*at)[1].str()))
          << file.path() << ": " << (*at)[1];
    }
  }
  EXPECT_GT(links, 20U);
}

TEST_F(Installed, UnitsStartTheInstalledProgram) {
  for (const char* who : {"system", "user"}) {
    const auto unit =
        read_file(prefix / ("lib/systemd/" + std::string(who) + "/charter-daemon@.service"));
    EXPECT_THAT(unit, HasSubstr("\nExecStart=" + prefix.path() + "/bin/charter-daemon start"))
        << who;
    EXPECT_THAT(unit, HasSubstr("file:" + prefix.path() + "/share/doc/charter-daemon/README.md"))
        << who;
  }
}

TEST_F(Installed, DaemonFindsItsWorkerAndRuns) {
  ProjectFixture project;
  RecordingGateway gateway;
  const auto plan = project.add_workflow("hello", shell_step("greet", "true"));
  ChildSpec spec;
  spec.argv = {prefix / "bin/charter-daemon",
               "start",
               "--project-path",
               project.root(),
               "--gateway",
               gateway.url()};
  spec.set["TEST_MARK"] = project.mark();
  spec.output = project.scratch("daemon.log");
  ChildProcess daemon(spec);
  ASSERT_TRUE(eventually(kSoon, [&] { return can_connect(project.socket()); }))
      << read_file(spec.output);
  ASSERT_TRUE(hand_off(project.socket(), {"r1", "hello", plan, {}, {}, {}}).ok);
  EXPECT_EQ(gateway.wait_for_end("r1"), "RunCompleteEvent");
}

TEST_F(Installed, DaemonWithoutItsWorkerSaysWhichFileIsMissing) {
  ASSERT_EQ(unlink((prefix / "libexec/charter-daemon/charter-worker").c_str()), 0);
  ProjectFixture project;
  ChildSpec spec;
  spec.argv = {prefix / "bin/charter-daemon", "start", "--project-path", project.root()};
  const auto end = run_to_end(spec);
  EXPECT_EQ(end.code, 1);
  EXPECT_THAT(end.err, HasSubstr("charter-worker"));
}

}  // namespace
}  // namespace charter::tests
