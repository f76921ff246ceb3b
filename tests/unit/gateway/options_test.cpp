#include "gateway/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "gateway/gateway.h"
#include "tests/support/command_examples.h"
#include "tests/unit/gateway/gateway_process.h"
#include "tests/unit/gateway/scratch.h"

namespace charter::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

ipc::Result<GatewayOptions> options(std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  const auto values = ipc::read_options(gateway_command(), arguments);
  if (!values) return values.error();
  return check_gateway_options(*values);
}

std::string problem(const std::vector<std::string>& words) {
  const auto result = options(words);
  return result ? "accepted" : result.error().what;
}

TEST(GatewayOptions, ListenNeedsAnAddressAndAPort) {
  EXPECT_EQ(parse_listen("127.0.0.1:8765")->port(), 8765);
  EXPECT_TRUE(parse_listen("[::1]:0")->address().is_v6());
  EXPECT_TRUE(parse_listen("localhost:80")->address().is_loopback());
  for (const auto* wrong : {"", "8765", ":8765", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536",
                            "127.0.0.1:-1", "::1:80", "example.org:80", "[127.0.0.1]:80"}) {
    EXPECT_FALSE(parse_listen(wrong)) << wrong;
  }
}

TEST(GatewayOptions, RetentionIsATimeAndANumberOfBytes) {
  EXPECT_EQ(options({"--data", "d"})->retention.age, std::chrono::days(30));
  EXPECT_EQ(options({"--data", "d", "--retain", "12h"})->retention.age, std::chrono::hours(12));
  EXPECT_EQ(options({"--data", "d", "--retain-bytes", "1G"})->retention.bytes, 1 << 30);
  EXPECT_EQ(options({"--data", "d", "--retain-bytes", "500"})->retention.bytes, 500);
  for (const auto* wrong : {"soon", "30", "", "100000001d", "999999999d"}) {
    EXPECT_THAT(problem({"--data", "d", "--retain", wrong}), HasSubstr("'--retain'")) << wrong;
  }
  EXPECT_THAT(problem({"--data", "d", "--retain", "999999999d"}), HasSubstr("at most 100000000"));
  EXPECT_EQ(options({"--data", "d", "--retain", "100000000d"})->retention.age,
            std::chrono::days(100'000'000));
  EXPECT_THAT(problem({"--data", "d", "--retain-bytes", "9000000T"}),
              HasSubstr("'--retain-bytes'"));
  EXPECT_THAT(problem({"--data", "d", "--retain-bytes", "-1"}), HasSubstr("'--retain-bytes'"));
}

TEST(GatewayOptions, TheDefaultIsLoopback) {
  const auto result = options({"--data", "/tmp/x"});
  ASSERT_TRUE(result);
  EXPECT_TRUE(result->listen.address().is_loopback());
  EXPECT_EQ(result->listen.port(), 8765);
  EXPECT_FALSE(result->open);
}

TEST(GatewayOptions, OtherAddressesNeedAToken) {
  Scratch scratch;
  EXPECT_THAT(problem({"--data", "/tmp/x", "--listen", "0.0.0.0:1"}), HasSubstr("--token-file"));
  const std::string file = scratch / "token";
  std::ofstream(file) << "  open-sesame\n";
  ASSERT_EQ(chmod(file.c_str(), 0600), 0);
  const auto result = options({"--data", "/tmp/x", "--listen", "0.0.0.0:1", "--token-file", file});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->token, "open-sesame");
  EXPECT_TRUE(result->warnings.empty());
  ASSERT_EQ(chmod(file.c_str(), 0644), 0);
  EXPECT_EQ(options({"--data", "/tmp/x", "--token-file", file})->warnings.size(), 1U);
}

TEST(GatewayOptions, ATokenFileMustHoldOneToken) {
  Scratch scratch;
  const std::string file = scratch / "token";
  for (const auto* text : {"", " \n", "two words", "s3cret\x01"}) {
    std::ofstream(file) << text;
    const std::string what = problem({"--data", "/tmp/x", "--token-file", file});
    EXPECT_THAT(what, HasSubstr("--token-file"));
    EXPECT_THAT(what, Not(HasSubstr("s3cret")));
  }
  EXPECT_THAT(problem({"--data", "/tmp/x", "--token-file", scratch / "none"}),
              HasSubstr("cannot be read: No such file or directory"));
  EXPECT_THAT(
      problem({"--data", "/tmp/x", "--token-file", scratch.path()}),
      HasSubstr("'--token-file': File '" + scratch.path() + "' cannot be read: Is a directory"));
  std::ofstream(file, std::ios::trunc) << std::string(9000, 'x');
  EXPECT_THAT(problem({"--data", "/tmp/x", "--token-file", file}),
              HasSubstr("cannot be read: File too large"));
}

// What is read by whoever typed the command: which address, and why not.
TEST(GatewayStart, AnAddressThatCannotBeHadIsNamedWithTheReason) {
  const GatewayProcess first;
  const Scratch scratch;
  const std::string taken = "127.0.0.1:" + std::to_string(first.port());
  const auto second = run_gateway({"--listen", taken, "--data", scratch / "data"});
  EXPECT_EQ(second.code, 1);
  EXPECT_EQ(second.err, "Error: cannot listen on " + taken + ": Address already in use\n");

  const std::string file = scratch / "token";
  std::ofstream(file) << "open-sesame\n";
  ASSERT_EQ(chmod(file.c_str(), 0600), 0);
  // Of a net for examples (RFC 5737, RFC 3849), so it is no machine's.
  for (const std::string other : {"192.0.2.1:0", "[2001:db8::1]:0"}) {
    const auto ended =
        run_gateway({"--listen", other, "--data", scratch / "data", "--token-file", file});
    EXPECT_EQ(ended.code, 1) << other;
    EXPECT_THAT(ended.err, StartsWith("Error: cannot listen on " + other + ": ")) << other;
    EXPECT_THAT(ended.err, Not(HasSubstr("boost"))) << other;
  }
}

TEST(GatewayStart, ADatabaseThatCannotBeUsedIsNamed) {
  const Scratch scratch;
  const std::string directory = scratch / "data";
  std::filesystem::create_directories(directory);
  std::ofstream(directory + "/gateway.db") << std::string(20'000, 'x');
  const auto ended = run_gateway({"--listen", "127.0.0.1:0", "--data", directory});
  EXPECT_EQ(ended.code, 1);
  EXPECT_THAT(ended.err, StartsWith("Error: " + directory + "/gateway.db: file is not a database"));
}

TEST(GatewayStart, ADirectoryThatCannotBeMadeIsNamedWithTheReason) {
  const Scratch scratch;
  std::ofstream(scratch / "file") << "x";
  const std::string directory = scratch / "file/data";
  const auto ended = run_gateway({"--listen", "127.0.0.1:0", "--data", directory});
  EXPECT_EQ(ended.code, 1);
  EXPECT_EQ(ended.err, "Error: cannot make " + directory + ": Not a directory\n");
}

TEST(GatewayExamples, CanBeTyped) {
  const ipc::CommandSpec* command = &gateway_command();
  EXPECT_EQ(tests::faults_of_examples(*command, {&command, 1}), "");
}

}  // namespace
}  // namespace charter::gateway
