// What a daemon has after a year it has after a day: descriptors, memory, children and files do not
// grow with the runs that are over, nor with the connections that were.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/process_table.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

namespace fs = std::filesystem;

constexpr milliseconds kHeartbeat{50};

struct Size {
  std::size_t descriptors = 0;
  std::size_t children = 0;
  std::size_t memory_kb = 0;  // anonymous, resident
  std::size_t journal_files = 0;
  std::size_t ledger_files = 0;
  std::uintmax_t ledger_bytes = 0;
};

std::size_t anonymous_kb(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::stoul(line.substr(8));
  }
  return 0;
}

std::size_t files_in(const std::string& directory) {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

class ForEver : public ::testing::Test {
 protected:
  ForEver() : scene_(options()) {
    scene_.project.add_workflow("hello", shell_step("greet", "true"));
  }
  static DaemonOptions options() {
    DaemonOptions options;
    options.arguments = {"--retain",          "0",    "--heartbeat-interval", "0.05",
                         "--reconnect-delay", "0.02", "--log-level",          "error"};
    return options;
  }
  // Connections that stood, so far.
  std::int64_t gateway_connections() {
    const auto answer = control(scene_.daemon.socket(), "status");
    if (answer.empty() || !answer.back().contains("daemon")) return 0;
    const auto& gateway = answer.back().at("daemon").as_object().at("gateway").as_object();
    return gateway.at("connections").to_number<std::int64_t>();
  }
  // Nothing is queued, executing or undelivered.
  bool comes_to_rest() {
    return eventually(kRunTime, [this] {
      const auto answer = control(scene_.daemon.socket(), "status");
      if (answer.empty() || !answer.back().contains("daemon")) return false;
      const auto& daemon = answer.back().at("daemon").as_object();
      const auto& runs = daemon.at("runs").as_object();
      return runs.at("queued") == 0 && runs.at("executing") == 0 &&
             runs.at("finished_undelivered") == 0;
    });
  }
  Size size() {
    EXPECT_TRUE(comes_to_rest());
    const std::string data = scene_.project / ".charter/daemon";
    // Retention looks once a minute.
    EXPECT_TRUE(eventually(seconds(150), [&] { return files_in(data + "/journals") == 0; }));
    Size size;
    size.descriptors = descriptors_of(scene_.daemon.pid()).size();
    size.children = children_of(scene_.daemon.pid()).size();
    size.memory_kb = anonymous_kb(scene_.daemon.pid());
    size.journal_files = files_in(data + "/journals");
    size.ledger_files = files_in(data + "/ledger");
    for (const auto& file : fs::directory_iterator(data + "/ledger")) {
      size.ledger_bytes += file.file_size();
    }
    return size;
  }
  void expect_no_growth(const Size& before, const Size& after) {
    EXPECT_LE(after.descriptors, before.descriptors + 2);
    EXPECT_EQ(after.children, 0U);
    EXPECT_LE(after.memory_kb, before.memory_kb + 4096);
    EXPECT_LE(after.ledger_files, 17U);
    EXPECT_LE(after.ledger_bytes, 32U << 20);
  }
  void run_many(const std::string& prefix, int count) {
    for (int i = 0; i < count; ++i) {
      ASSERT_TRUE(scene_.run(prefix + std::to_string(i), "hello").ok);
    }
  }
  Started scene_;
};

TEST_F(ForEver, TenThousandRunsLeaveNothingBehind) {
  run_many("warm-", 2000);  // as many as the list of finished runs holds, and more
  const Size before = size();
  run_many("run-", 10'000);
  expect_no_growth(before, size());
}

TEST_F(ForEver, ThousandReconnectsLeaveNothingBehindAndLoseNothing) {
  constexpr int kDrops = 1000;
  run_many("warm-", 50);
  const Size before = size();
  for (int i = 0; i < kDrops; ++i) {
    const std::int64_t connections = gateway_connections();
    ASSERT_TRUE(scene_.run("run-" + std::to_string(i), "hello").ok);
    // A connection that stands for a heartbeat and confirms something has recovered; one that does
    // not is followed by a longer wait each time.
    ASSERT_TRUE(comes_to_rest());
    ASSERT_TRUE(throughout(kHeartbeat, [this] { return scene_.daemon.running(); }));
    scene_.gateway.drop_connections();
    ASSERT_TRUE(eventually(kRunTime, [&] { return gateway_connections() > connections; })) << i;
  }
  expect_no_growth(before, size());
  for (int i = 0; i < kDrops; i += 97) {
    const std::string run = "run-" + std::to_string(i);
    EXPECT_EQ(scene_.gateway.wait_for_end(run), "RunCompleteEvent") << run;
    EXPECT_EQ(scene_.gateway.order_faults(run), "") << run;
  }
}

}  // namespace
}  // namespace charter::tests
