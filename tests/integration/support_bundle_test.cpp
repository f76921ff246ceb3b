// `charter-daemon support-bundle`: what a helper needs is in it, and nothing that must stay here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Each stands somewhere in the project, in what runs have said, or in the daemon's environment.
constexpr const char* kToken = "t0ken-of-the-gateway";
constexpr const char* kPassword = "pa55word-of-the-url";
constexpr const char* kSecret = "s3cret-of-the-environment";
constexpr const char* kSensitive = "sens1tive-input-of-a-run";
constexpr const char* kInput = "pla1n-input-of-a-run";
constexpr const char* kOutput = "0utput-of-a-step";
constexpr const char* kError = "err0r-of-a-step";
constexpr const char* kPageToken = "p4ge-token-of-dev";

class SupportBundle : public ::testing::Test {
 protected:
  void SetUp() override {
    if (testing_the_reference()) GTEST_SKIP() << "the reference has none";
    const std::string inputs =
        "inputs:\n  secret: {type: string, required: true, description: d}\n"
        "  open: {type: string, required: true, description: d}\n";
    project.add_workflow(
        "says",
        shell_step("say", std::string("echo ") + kOutput + " $open $secret",
                   "inputs: {secret: {from: secret, sensitive: true}, open: open}\n"
                   "outputs: {stdout: string}"),
        inputs);
    project.add_workflow("fails",
                         shell_step("stop", std::string("echo ") + kError + " >&2; exit 3"));
    write_file(token_file, std::string(kToken) + "\n");
    ::chmod(token_file.c_str(), 0600);
    write_file(project / ".charter/dev/token", std::string(kPageToken) + "\n");
    ::chmod((project / ".charter/dev/token").c_str(), 0600);
    DaemonOptions options;
    options.gateway = std::string("http://user:") + kPassword + "@127.0.0.1:9";
    options.arguments = {"--token-file", token_file};
    options.environment = {{"APP_SECRET", kSecret}};
    daemon.emplace(project, options);
  }
  Finished charter(std::vector<std::string> arguments) const {
    return charter_daemon(project, std::move(arguments),
                          {{"APP_SECRET", kSecret}, {"CHARTER_DAEMON_TOKEN_FILE", token_file}});
  }
  void run_both() const {
    ASSERT_EQ(charter({"run", "says", "--run-id", "r1", "--wait", "--var",
                       std::string("secret=") + kSensitive, "--var", std::string("open=") + kInput})
                  .code,
              0);
    ASSERT_EQ(charter({"run", "fails", "--run-id", "r2", "--wait"}).code, 1);
    // Refused, with what was typed in the daemon's answer and perhaps in its log.
    EXPECT_NE(charter({"run", "says", "--var", std::string("open=") + kInput}).code, 0);
  }
  // The unpacked files' texts by name, those of the archive itself as the name "".
  std::map<std::string, std::string> unpacked(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"support-bundle", "-o", bundle});
    const Finished done = charter(more);
    EXPECT_EQ(done.code, 0) << done.err;
    EXPECT_EQ(done.out, bundle + "\n");
    const std::string there = project.scratch("unpacked");
    std::filesystem::create_directories(there);
    ChildSpec spec;
    spec.argv = {"tar", "-xzf", bundle, "-C", there};
    const Finished tar = run_to_end(spec);
    EXPECT_EQ(tar.code, 0) << tar.err;
    EXPECT_EQ(tar.err, "") << "tar finds fault with it";
    std::map<std::string, std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator(there + "/charter-support")) {
      files[entry.path().filename()] = read_file(entry.path());
      struct stat info {};
      EXPECT_EQ(::stat(entry.path().c_str(), &info), 0);
      EXPECT_EQ(info.st_mode & 07777, 0600U) << entry.path();
    }
    return files;
  }

  ProjectFixture project;
  const std::string token_file = project.scratch("token");
  const std::string bundle = project.scratch("bundle.tar.gz");
  std::optional<DaemonProcess> daemon;
};

TEST_F(SupportBundle, HoldsNothingThatMustStayHere) {
  run_both();
  // What an integration says on standard error, and what another program writes where the log goes.
  const std::string workers = project / ".charter/daemon/workers.log";
  write_file(workers, read_file(workers) + kSecret + " " + kOutput + "\n");
  write_file(daemon->log_file(), read_file(daemon->log_file()) + "somebody: " + kInput + "\n");
  const auto files = unpacked();
  for (const auto& [name, text] : files) {
    for (const char* value :
         {kToken, kPassword, kSecret, kSensitive, kInput, kOutput, kError, kPageToken}) {
      EXPECT_EQ(text.find(value), std::string::npos) << name << " has " << value << ":\n" << text;
    }
  }
}

TEST_F(SupportBundle, HoldsWhatAHelperNeeds) {
  run_both();
  const auto files = unpacked();
  ASSERT_EQ(files.size(), 9U);
  EXPECT_THAT(files.at("versions.txt"), HasSubstr("charter-daemon 0."));
  EXPECT_THAT(files.at("doctor.json"), HasSubstr("\"checks\":[{\"name\":\"project\""));
  EXPECT_THAT(files.at("status.json"), HasSubstr("\"state\":\"waiting\""));
  EXPECT_THAT(files.at("list.json"), HasSubstr("\"run_id\":\"r1\""));
  EXPECT_THAT(files.at("list.json"), HasSubstr("\"error\":\"<removed: "));
  EXPECT_THAT(files.at("options.txt"), HasSubstr("token-file = " + token_file + "  (environment)"));
  EXPECT_THAT(files.at("files.txt"), HasSubstr("/journals/r1.cj"));
  EXPECT_THAT(files.at("files.txt"), HasSubstr("/runs/r2.json"));
  EXPECT_THAT(files.at("host.txt"), HasSubstr("Max open files"));
  EXPECT_THAT(files.at("daemon.log"), HasSubstr("Gateway connection failed"));
  for (const auto& [name, text] : files) {
    EXPECT_THAT(files.at("README.txt"), HasSubstr(name == "README.txt" ? "What is not" : name));
    boost::system::error_code bad;
    if (name.ends_with(".json")) (void)boost::json::parse(text, bad);
    EXPECT_FALSE(bad) << name;
  }
}

TEST_F(SupportBundle, IsForItsOwnerAndNeverWrittenOverAFile) {
  (void)unpacked();
  struct stat info {};
  ASSERT_EQ(::stat(bundle.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600U);
  const Finished again = charter({"support-bundle", "-o", bundle});
  EXPECT_EQ(again.code, 1);
  EXPECT_EQ(again.out, "");
  EXPECT_THAT(again.err, HasSubstr("File exists"));
  const std::string link = project.scratch("link.tar.gz");
  std::filesystem::create_symlink(project.scratch("elsewhere"), link);
  EXPECT_EQ(charter({"support-bundle", "-o", link}).code, 1);
  EXPECT_FALSE(exists(project.scratch("elsewhere")));
}

TEST_F(SupportBundle, IsMadeWithTheDaemonDown) {
  run_both();
  daemon->kill();
  const auto files = unpacked();
  EXPECT_THAT(files.at("status.json"), HasSubstr("{\"no_answer\":\"No daemon serves"));
  EXPECT_THAT(files.at("files.txt"), HasSubstr("/journals/r1.cj"));
}

// Its log goes where --log-file says, in whatever form.
TEST_F(SupportBundle, FindsTheLogThatGoesToAFile) {
  daemon->stop();
  const std::string log = project.scratch("named.log");
  DaemonOptions options;
  options.arguments = {"--log-file", log, "--log-format", "json"};
  DaemonProcess logging(project, options);
  ASSERT_TRUE(eventually(kSoon, [&] {
    return read_file(log).find("Gateway connection failed") != std::string::npos;
  }));
  write_file(log, read_file(log) + "{\"another\":\"" + kInput + "\"}\n");
  const auto files = unpacked({"--log-file", log});
  EXPECT_THAT(files.at("daemon.log"), HasSubstr("\"level\":\"WARNING\",\"message\":\"Gateway"));
  EXPECT_THAT(files.at("daemon.log"), Not(HasSubstr(kInput)));
}

}  // namespace
}  // namespace charter::tests
