#include "supervisor/start_options.h"
#include "tests/support/command_examples.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace charter::supervisor {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr const char* kToken = "CHARTER_GATEWAY_DAEMON_TOKEN";

struct StartOptionsOf : testing::Test {
  StartOptionsOf() {
    std::string pattern = "/tmp/charter-start-XXXXXX";
    root = std::filesystem::canonical(::mkdtemp(pattern.data())).string();
    std::ofstream(root + "/charter.yml") << "name: test\n";
  }
  ~StartOptionsOf() override {
    ::unsetenv(kToken);
    std::filesystem::remove_all(root);
  }

  ipc::Result<StartOptions> read(std::vector<std::string> words) const {
    words.insert(words.begin(), {"--project-path", root});
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    const auto values = ipc::read_options(start_command(), arguments);
    if (!values) return values.error();
    return check_start_options(*values);
  }
  std::string usage_error(std::vector<std::string> words) const {
    const auto options = read(std::move(words));
    if (options) return "no error";
    EXPECT_TRUE(ipc::is_usage_error(options.error())) << options.error().what;
    return options.error().what;
  }

  std::string root;
};

TEST_F(StartOptionsOf, DefaultsAreTheReferences) {
  const auto options = read({}).value();
  EXPECT_EQ(options.project_path, root);
  EXPECT_EQ(options.gateway, "http://127.0.0.1:8765");
  EXPECT_THAT(options.worker_id, StartsWith("sandbox@"));
  EXPECT_EQ(options.max_runs, 4);
  EXPECT_EQ(options.heartbeat_interval, milliseconds(5000));
  EXPECT_EQ(options.reconnect_delay, milliseconds(1000));
  EXPECT_EQ(options.connect_timeout, milliseconds(5000));
  EXPECT_EQ(options.socket_path, root + "/.charter/daemon.sock");
  EXPECT_EQ(options.log_level, "info");
  EXPECT_EQ(options.kill_grace, milliseconds(10'000));
  EXPECT_EQ(options.max_request_bytes, 64U << 20);
  EXPECT_EQ(options.step_output_max, 64U << 20);
  EXPECT_EQ(options.run_time_max, milliseconds(0));
  EXPECT_EQ(options.run_log_max, 16U << 20);
  EXPECT_EQ(options.run_memory_max, 0U);
  EXPECT_EQ(options.run_pids_max, 0U);
  EXPECT_EQ(options.run_cpu_max, 0U);
  EXPECT_EQ(options.setup_timeout, milliseconds(60'000));
  EXPECT_EQ(options.teardown_timeout, milliseconds(10'000));
  EXPECT_EQ(options.data_dir, "");
  EXPECT_EQ(options.replay, Replay::active);
  EXPECT_TRUE(options.offer_capnp);
  EXPECT_EQ(options.token, "");
  EXPECT_THAT(options.warnings, IsEmpty());
}

TEST_F(StartOptionsOf, ValuesOutOfRangeAreRefusedInTheReferencesWords) {
  EXPECT_EQ(usage_error({"--max-runs", "0"}), "Invalid value for '--max-runs': must be at least 1");
  EXPECT_EQ(usage_error({"--heartbeat-interval", "0"}),
            "Invalid value for '--heartbeat-interval': must be positive");
  EXPECT_EQ(usage_error({"--reconnect-delay", "-1"}),
            "Invalid value for '--reconnect-delay': must be non-negative");
  EXPECT_EQ(usage_error({"--connect-timeout", "0"}),
            "Invalid value for '--connect-timeout': must be positive");
  EXPECT_EQ(usage_error({"--log-level", "loud"}),
            "Invalid value for '--log-level': 'loud' is not one of 'debug', 'info', 'warning', "
            "'error'.");
  EXPECT_EQ(usage_error({"--gateway", "ftp://host"}),
            "Invalid value for '--gateway': unsupported scheme 'ftp'; use http, https, ws, or "
            "wss");
  EXPECT_THAT(usage_error({"--kill-grace", "-1"}), HasSubstr("must be non-negative"));
  EXPECT_EQ(usage_error({"--run-time-max", "-1"}),
            "Invalid value for '--run-time-max': must be non-negative");
  EXPECT_THAT(usage_error({"--max-request-bytes", "1"}), HasSubstr("--max-request-bytes"));
  EXPECT_EQ(usage_error({"--step-output-max", "1023"}),
            "Invalid value for '--step-output-max': must be from 1K to 128M");
  EXPECT_THAT(usage_error({"--step-output-max", "134217729"}), HasSubstr("--step-output-max"));
  for (const char* bytes : {"1", "255K", "65G", "-1", "many"}) {
    EXPECT_EQ(usage_error({"--run-log-max", bytes}),
              "Invalid value for '--run-log-max': must be 0 or from 256K to 64G");
  }
  EXPECT_EQ(usage_error({"--integration-setup-timeout", "0"}),
            "Invalid value for '--integration-setup-timeout': must be positive");
  EXPECT_EQ(usage_error({"--integration-teardown-timeout", "-1"}),
            "Invalid value for '--integration-teardown-timeout': must be positive");
  EXPECT_THAT(usage_error({"--replay", "all"}), HasSubstr("'active', 'unconfirmed'"));
  EXPECT_THAT(usage_error({"--gateway-protocol", "capnp"}), HasSubstr("'auto', 'json'"));
  EXPECT_THAT(usage_error({"--worker-id", ""}), HasSubstr("must not be empty"));
  for (const char* time : {"", "-1d", "7w", "7 d", "d", "1e9", "100000001d", "7", "90", "+7"}) {
    EXPECT_THAT(usage_error({"--retain", time}), HasSubstr("'--retain'")) << time;
  }
  for (const char* option : {"--retain-bytes", "--step-output-max", "--max-request-bytes"}) {
    for (const char* bytes : {"", "-1", "1X", "1 G", "G", "1.5G", "99999999999999T"}) {
      EXPECT_THAT(usage_error({option, bytes}), HasSubstr(option)) << bytes;
    }
  }
  EXPECT_THAT(usage_error({"--retain-bytes", "-1"}),
              HasSubstr("must be a number of bytes, with K, M, G or T, as in 512M"));
}

TEST_F(StartOptionsOf, RetentionIsATimeInAnyUnit) {
  EXPECT_EQ(read({}).value().retention.age, std::chrono::days(7));
  EXPECT_EQ(read({"--retain", "0"}).value().retention.age, std::chrono::seconds(0));
  EXPECT_EQ(read({"--retain", "90s"}).value().retention.age, std::chrono::seconds(90));
  EXPECT_EQ(read({"--retain", "15m"}).value().retention.age, std::chrono::minutes(15));
  EXPECT_EQ(read({"--retain", "36h"}).value().retention.age, std::chrono::hours(36));
  EXPECT_EQ(read({"--retain-bytes", "5"}).value().retention.bytes, 5U);
}

TEST_F(StartOptionsOf, BytesAreTakenInAnyUnit) {
  EXPECT_EQ(read({"--retain-bytes", "1G"}).value().retention.bytes, 1U << 30);
  EXPECT_EQ(read({"--step-output-max", "64M"}).value().step_output_max, 64U << 20);
  EXPECT_EQ(read({"--step-output-max", "4096"}).value().step_output_max, 4096U);
  EXPECT_EQ(read({"--max-request-bytes", "64M"}).value().max_request_bytes, 64U << 20);
  EXPECT_EQ(read({"--run-log-max", "512K"}).value().run_log_max, 512U << 10);
}

TEST_F(StartOptionsOf, LimitsOfRunsAreBytesInAnyUnitProcessesAndPercent) {
  const auto memory = [this](const char* text) {
    return read({"--run-memory-max", text}).value().run_memory_max;
  };
  EXPECT_EQ(memory("16777216"), 16U << 20);
  EXPECT_EQ(memory("16384K"), 16U << 20);
  EXPECT_EQ(memory("512M"), 512U << 20);
  EXPECT_EQ(memory("2G"), std::uint64_t{2} << 30);
  EXPECT_EQ(memory("1T"), std::uint64_t{1} << 40);
  for (const char* text :
       {"", "M", "-1", "1.5G", "512m", "512MB", "1 G", "99999999999999999999", "1048577T"}) {
    EXPECT_THAT(usage_error({"--run-memory-max", text}), HasSubstr("must be a number of bytes"))
        << text;
  }
  EXPECT_THAT(usage_error({"--run-memory-max", "15M"}), HasSubstr("at least 16M"));
  EXPECT_EQ(read({"--run-pids-max", "200"}).value().run_pids_max, 200U);
  for (const char* text : {"-1", "3", "4194305"}) {
    EXPECT_THAT(usage_error({"--run-pids-max", text}), HasSubstr("'--run-pids-max'")) << text;
  }
  EXPECT_EQ(read({"--run-cpu-max", "150"}).value().run_cpu_max, 150U);
  EXPECT_THAT(usage_error({"--run-cpu-max", "-1"}), HasSubstr("'--run-cpu-max'"));
}

TEST_F(StartOptionsOf, ManyRunsAreAWarningOnly) {
  EXPECT_THAT(read({"--max-runs", "100"}).value().warnings, IsEmpty());
  const auto options = read({"--max-runs", "101"}).value();
  EXPECT_THAT(options.warnings, ElementsAre(StartsWith("--max-runs 101 is unusually high")));
}

TEST_F(StartOptionsOf, AProjectThatIsNoneIsAStartErrorAMissingDirectoryAUsageError) {
  EXPECT_EQ(usage_error({"--project-path", root + "/none"}),
            "Invalid value for '--project-path': Directory '" + root + "/none' does not exist.");
  EXPECT_EQ(usage_error({"--project-path", root + "/charter.yml"}),
            "Invalid value for '--project-path': Directory '" + root + "/charter.yml' is a file.");
  std::filesystem::create_directory(root + "/empty");
  const auto options = read({"--project-path", root + "/empty"});
  ASSERT_FALSE(options);
  EXPECT_FALSE(ipc::is_usage_error(options.error()));
  EXPECT_EQ(options.error().message(),
            "Project path does not contain charter.yml: " + root + "/empty");
}

TEST_F(StartOptionsOf, PathsAreTakenFromTheProjectAndLinksResolved) {
  std::filesystem::create_directory_symlink(root, root + "/link");
  const auto options = read({"--project-path", root + "/link", "--socket-path", "run/../d.sock",
                             "--data-dir", "data"})
                           .value();
  EXPECT_EQ(options.project_path, root);
  EXPECT_EQ(options.socket_path, root + "/d.sock");
  EXPECT_EQ(options.data_dir, root + "/data");
  EXPECT_EQ(read({"--data-dir", "/var/x"}).value().data_dir, "/var/x");
  EXPECT_EQ(read({"--toolchain-python", root + "/x/../charter.yml"}).value().toolchain_python,
            root + "/charter.yml");
  EXPECT_EQ(usage_error({"--toolchain-python", "/no/python"}),
            "Invalid value for '--toolchain-python': File '/no/python' does not exist.");
}

TEST_F(StartOptionsOf, ASocketPathNoClientCouldFollowIsAStartErrorNamingTheVariable) {
  const std::string longest = root + "/" + std::string(107 - root.size() - 1, 's');
  EXPECT_EQ(read({"--socket-path", longest}).value().socket_path, longest);
  const auto options = read({"--socket-path", longest + "s"});
  ASSERT_FALSE(options);
  EXPECT_FALSE(ipc::is_usage_error(options.error()));
  EXPECT_THAT(options.error().message(), HasSubstr("CHARTER_DAEMON_SOCKET"));
}

TEST_F(StartOptionsOf, TheTokenIsStrippedAndTakenOutOfTheEnvironment) {
  ::setenv(kToken, "  sesame \n", 1);
  const char* place = std::getenv(kToken);
  EXPECT_EQ(read({}).value().token, "sesame");
  EXPECT_EQ(std::getenv(kToken), nullptr);
  EXPECT_EQ(std::string_view(place), "") << "the bytes a reader of /proc would find";
  ::setenv(kToken, "  ", 1);
  EXPECT_EQ(read({}).value().token, "");
  ::setenv(kToken, "two\nlines", 1);
  const auto options = read({});
  ASSERT_FALSE(options);
  EXPECT_EQ(options.error().message().find("lines"), std::string::npos);
}

TEST_F(StartOptionsOf, ATokenGoesUnencryptedToKnownPrivatePlacesOnly) {
  const auto with_token = [this](std::vector<std::string> words) {
    ::setenv(kToken, "sesame", 1);
    return read(std::move(words));
  };
  EXPECT_THAT(with_token({}).value().warnings, IsEmpty());
  EXPECT_THAT(with_token({"--gateway", "http://10.1.2.3"}).value().warnings,
              ElementsAre(HasSubstr("10.1.2.3")));
  const auto refused = with_token({"--gateway", "http://192.0.2.1"});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("--insecure-token"));
  EXPECT_EQ(refused.error().what.find("sesame"), std::string::npos);
  EXPECT_TRUE(with_token({"--gateway", "http://192.0.2.1", "--insecure-token"}));
  EXPECT_TRUE(read({"--gateway", "http://192.0.2.1"})) << "no token, nothing to protect";
}

TEST_F(StartOptionsOf, NoIntervalBecomesZero) {
  const auto options = read({"--heartbeat-interval", "0.00001", "--connect-timeout", "1e300",
                             "--reconnect-delay", "0", "--kill-grace", "1e300"})
                           .value();
  EXPECT_EQ(options.heartbeat_interval, milliseconds(1));
  EXPECT_GT(options.connect_timeout, std::chrono::hours(24 * 365));
  EXPECT_EQ(options.reconnect_delay, milliseconds(0));
  EXPECT_LE(options.kill_grace, milliseconds(INT32_MAX));
}

TEST(StartExamples, CanBeTyped) {
  const ipc::CommandSpec* command = &start_command();
  const std::string config = testing::TempDir() + "charter-example-" + std::to_string(::getpid());
  std::ofstream(config) << "project-path = .\n";
  EXPECT_EQ(tests::faults_of_examples(*command, {&command, 1}, config), "");
  std::filesystem::remove(config);
}

}  // namespace
}  // namespace charter::supervisor
