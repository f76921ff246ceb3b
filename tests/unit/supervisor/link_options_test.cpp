// What `start` makes of the options that concern the gateway.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "supervisor/start_options.h"
#include "tests/support/certificates.h"
#include "tests/support/files.h"

namespace charter::supervisor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LinkOptions : public ::testing::Test {
 protected:
  LinkOptions() { tests::write_file(project_ / "charter.yml", "name: test\n"); }
  ~LinkOptions() override { ::unsetenv("CHARTER_GATEWAY_DAEMON_TOKEN"); }

  ipc::Result<StartOptions> read(std::vector<std::string> words) {
    words.insert(words.begin(), {"--project-path", project_.path()});
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    const auto values = ipc::read_options(start_command(), arguments);
    if (!values) return values.error();
    return check_start_options(*values);
  }
  std::string error(std::vector<std::string> words, bool of_usage) {
    const auto options = read(std::move(words));
    if (options) return "accepted";
    EXPECT_EQ(ipc::is_usage_error(options.error()), of_usage) << options.error().message();
    return options.error().message();
  }
  static void set_token(const char* token) { ::setenv("CHARTER_GATEWAY_DAEMON_TOKEN", token, 1); }

  tests::TempDir project_;
};

TEST_F(LinkOptions, TokenFileGoesBeforeTheEnvironment) {
  tests::write_file(project_ / "token", "from the file\n");
  set_token("from the environment");
  const auto options = read({"--token-file", project_ / "token"}).value();
  EXPECT_EQ(options.token, "from the file");
  EXPECT_EQ(options.token_file, project_ / "token");
  EXPECT_EQ(std::getenv("CHARTER_GATEWAY_DAEMON_TOKEN"), nullptr);
  EXPECT_THAT(error({"--token-file", project_ / "none"}, false), HasSubstr("No such file"));
}

TEST_F(LinkOptions, PathsAreMadeAbsolute) {
  tests::write_file(project_ / "token", "t");
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(project_.path());
  EXPECT_EQ(read({"--token-file", "x/../token"}).value().token_file, project_ / "token");
  std::filesystem::current_path(before);
}

TEST_F(LinkOptions, CertificatesAreLookedAtOnlyForAnEncryptedGateway) {
  EXPECT_THAT(error({"--gateway", "https://gw.example", "--ca-file", "/nowhere.pem"}, false),
              HasSubstr("CA file /nowhere.pem"));
  EXPECT_EQ(read({"--ca-file", "/nowhere.pem"}).value().tls.ca_file, "/nowhere.pem");
  EXPECT_THAT(error({"--client-key", "/k.pem"}, true), HasSubstr("needs --client-cert"));
  tests::TestAuthority authority;
  const auto identity = authority.issue("daemon", "");
  const auto options =
      read({"--gateway", "https://gw.example", "--ca-file", authority.certificate(),
            "--client-cert", identity.certificate, "--client-key", identity.key})
          .value();
  EXPECT_EQ(options.tls.client_certificate, identity.certificate);
  EXPECT_EQ(options.tls.client_key, identity.key);
}

TEST_F(LinkOptions, TokenInPlainIsRefusedWarnedOfOrFine) {
  const auto warnings = [&](const char* gateway) {
    set_token("t0ken");
    return read({"--gateway", gateway}).value().warnings;
  };
  EXPECT_THAT(warnings("http://127.0.0.1:1"), IsEmpty());
  EXPECT_THAT(warnings("http://[::1]:1"), IsEmpty());
  EXPECT_THAT(warnings("https://8.8.8.8"), IsEmpty());
  EXPECT_THAT(warnings("http://10.0.0.1"), ElementsAre(HasSubstr("unencrypted to 10.0.0.1")));
  set_token("t0ken");
  const std::string refusal = error({"--gateway", "http://8.8.8.8"}, true);
  EXPECT_THAT(refusal, HasSubstr("--insecure-token"));
  EXPECT_EQ(refusal.find("t0ken"), std::string::npos);
  set_token("t0ken");
  EXPECT_THAT(read({"--gateway", "http://8.8.8.8", "--insecure-token"}).value().warnings,
              ElementsAre(HasSubstr("unencrypted to 8.8.8.8")));
  // The password of a URL is as good as a token.
  EXPECT_THAT(error({"--gateway", "http://user:pass@8.8.8.8"}, true),
              HasSubstr("--insecure-token"));
}

}  // namespace
}  // namespace charter::supervisor
