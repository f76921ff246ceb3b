// What a daemon has after a year it has after a day: descriptors, memory, children and files do not
// grow with the runs that are over, nor with the connections that were.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>
#include <optional>
#include <string_view>

#include "tests/support/process_table.h"
#include "tests/support/standstill.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

namespace fs = std::filesystem;

constexpr milliseconds kHeartbeat{50};

struct Size {
  std::size_t descriptors = 0;
  std::size_t children = 0;
  std::size_t memory_kb = 0;    // anonymous, resident
  std::size_t pss_kb = 0;       // its share of everything
  std::size_t other_files = 0;  // of its data, beside journals and ledger
  std::size_t journal_files = 0;
  std::size_t ledger_files = 0;
  std::uintmax_t ledger_bytes = 0;
};

std::size_t kilobytes(pid_t pid, const char* file, std::string_view name) {
  std::ifstream lines("/proc/" + std::to_string(pid) + "/" + file);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name)) return std::stoul(line.substr(name.size()));
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
  // For who reads a failure.
  std::string shown_status() {
    const auto answer = control(scene_.daemon.socket(), "status");
    return (answer.empty() ? "the daemon does not answer" : boost::json::serialize(answer.back())) +
           '\n' + standstill_of(scene_.daemon.pid()) + scene_.daemon.log();
  }
  // How many runs are queued, executing or undelivered; nothing while the daemon does not say.
  std::optional<std::int64_t> under_way() {
    const auto answer = control(scene_.daemon.socket(), "status");
    if (answer.empty() || !answer.back().contains("daemon")) return std::nullopt;
    const auto& runs = answer.back().at("daemon").at("runs").as_object();
    std::int64_t count = 0;
    for (const char* where : {"queued", "executing", "finished_undelivered"}) {
      count += runs.at(where).to_number<std::int64_t>();
    }
    return count;
  }
  // Waits as long as there are fewer of them all the time: how many runs a second there are is the
  // machine's affair.
  bool comes_to_rest() {
    std::int64_t left = std::numeric_limits<std::int64_t>::max();
    while (left > 0) {
      const bool fewer = eventually(kRunTime, [&] {
        const auto count = under_way();
        if (!count || *count >= left) return false;
        left = *count;
        return true;
      });
      if (!fewer) break;
    }
    EXPECT_EQ(left, 0) << "runs are under way and do not become fewer\n" << shown_status();
    return left == 0;
  }
  Size size(bool without_journals = true) {
    EXPECT_TRUE(comes_to_rest());
    const std::string data = scene_.project / ".charter/daemon";
    // Retention looks once a minute.
    EXPECT_TRUE(!without_journals ||
                eventually(seconds(150), [&] { return files_in(data + "/journals") == 0; }));
    // The last worker has gone a moment after its end was delivered.
    EXPECT_TRUE(eventually(kSoon, [&] { return children_of(scene_.daemon.pid()).empty(); }));
    Size size;
    size.descriptors = descriptors_of(scene_.daemon.pid()).size();
    size.children = children_of(scene_.daemon.pid()).size();
    size.memory_kb = kilobytes(scene_.daemon.pid(), "status", "RssAnon:");
    size.pss_kb = kilobytes(scene_.daemon.pid(), "smaps_rollup", "Pss:");
    for (const auto& file : fs::recursive_directory_iterator(data)) {
      const std::string path = file.path();
      size.other_files +=
          path.starts_with(data + "/journals/") || path.starts_with(data + "/ledger/") ? 0 : 1;
    }
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
    std::cout << "descriptors " << before.descriptors << " -> " << after.descriptors
              << ", anonymous KB " << before.memory_kb << " -> " << after.memory_kb << ", Pss KB "
              << before.pss_kb << " -> " << after.pss_kb << ", ledger bytes " << before.ledger_bytes
              << " -> " << after.ledger_bytes << '\n';
    EXPECT_LE(after.memory_kb, before.memory_kb + 4096);
    EXPECT_LE(after.pss_kb, before.pss_kb + 4096);
    EXPECT_LE(after.other_files, before.other_files);
    EXPECT_LE(after.ledger_files, 17U);
    EXPECT_LE(after.ledger_bytes, 32U << 20);
  }
  void run_many(const std::string& prefix, int count) {
    for (int i = 0; i < count; ++i) {
      const auto answer = scene_.run(prefix + std::to_string(i), "hello");
      ASSERT_TRUE(answer.ok) << prefix << i << ": " << answer.raw;
    }
  }
  void drop_many(int drops) {
    for (int i = 0; i < drops; ++i) {
      const std::int64_t connections = gateway_connections();
      ASSERT_TRUE(scene_.run("run-" + std::to_string(i), "hello").ok);
      // A connection that stands for a heartbeat and confirms something has recovered; one that
      // does not is followed by a longer wait each time.
      ASSERT_TRUE(comes_to_rest());
      ASSERT_TRUE(throughout(kHeartbeat, [this] { return scene_.daemon.running(); }));
      scene_.gateway.drop_connections();
      ASSERT_TRUE(eventually(kRunTime, [&] { return gateway_connections() > connections; })) << i;
    }
  }
  void expect_all_told(int drops) {
    for (int i = 0; i < drops; i += drops / 10) {
      const std::string run = "run-" + std::to_string(i);
      EXPECT_EQ(scene_.gateway.wait_for_end(run), "RunCompleteEvent") << run;
      EXPECT_EQ(scene_.gateway.order_faults(run), "") << run;
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
  run_many("warm-", 50);
  const Size before = size();
  drop_many(1000);
  expect_no_growth(before, size());
  expect_all_told(1000);
}

// The same in little, with the journals that retention has not come by to remove.
class SomeTime : public ForEver {};

TEST_F(SomeTime, LeavesNothingBehindEither) {
  run_many("warm-", 50);
  const Size before = size(false);
  run_many("more-", 270);
  drop_many(30);
  expect_no_growth(before, size(false));
  expect_all_told(30);
}
}  // namespace
}  // namespace charter::tests
