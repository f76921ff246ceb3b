// One bad run harms no other where limits are in force: beside it the others' events reach the
// gateway about as soon as without it, and none of them ends. Every bad run lives in groups of its
// own with a small limit; without groups there is no test.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <map>

#include "ipc/codec.h"
#include "ipc/log_segment.h"
#include "tests/support/process_table.h"
#include "tests/support/run_groups.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

constexpr int kProbeSteps = 50;
constexpr double kLeastMs = 20;  // what is always good enough

struct Neighbour {
  std::string name;
  std::string command;  // %s: a directory with a file system of its own
  bool needs_file_system = false;
};

void PrintTo(const Neighbour& neighbour, std::ostream* out) { *out << neighbour.name; }

DaemonOptions limited() {
  DaemonOptions options;
  options.arguments = {"--run-memory-max", "256M", "--run-pids-max", "200", "--run-cpu-max", "50",
                       "--kill-grace",     "0.2",  "--max-runs",     "8"};
  return options;
}

std::int64_t clock_us(clockid_t clock) {
  timespec now{};
  clock_gettime(clock, &now);
  return now.tv_sec * 1'000'000LL + now.tv_nsec / 1000;
}

// A small file system, where this user may mount one.
class SmallFileSystem {
 public:
  explicit SmallFileSystem(std::string path) : path_(std::move(path)) {
    std::filesystem::create_directories(path_);
    mounted_ = mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=16m") == 0;
  }
  ~SmallFileSystem() {
    if (mounted_) umount2(path_.c_str(), MNT_DETACH);
  }
  SmallFileSystem(const SmallFileSystem&) = delete;
  SmallFileSystem& operator=(const SmallFileSystem&) = delete;
  [[nodiscard]] bool mounted() const { return mounted_; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
  bool mounted_ = false;
};

class BadNeighbour : public ::testing::TestWithParam<Neighbour> {
 protected:
  void SetUp() override {
    if (const auto why = why_no_groups(); !why.empty()) {
      GTEST_SKIP() << "no bad run without limits; no groups here: " << why;
    }
    scene_ = std::make_unique<Started>(limited());
    full_ = std::make_unique<SmallFileSystem>(scene_->project.scratch("full"));
    if (GetParam().needs_file_system && !full_->mounted()) {
      GTEST_SKIP() << "no tmpfs can be mounted here";
    }
    std::string steps;
    for (int i = 0; i < kProbeSteps; ++i) {
      steps += shell_step("s" + std::to_string(i), "sleep 0.01");
    }
    scene_->project.add_workflow("probe", steps);
    scene_->project.add_workflow("still", hold_step("wait", scene_->project.scratch("go")));
    std::string command = GetParam().command;
    if (const auto at = command.find("%s"); at != std::string::npos) {
      command.replace(at, 2, full_->path());
    }
    scene_->project.add_workflow(
        "bad", shell_step("bad", command, "retry: {attempts: 100000, delay_seconds: 0}"));
    ASSERT_TRUE(scene_->run("bystander", "still").ok);
    ASSERT_TRUE(scene_->gateway.wait_for_event("bystander", "StepStartEvent"));
  }
  void TearDown() override {
    if (scene_) scene_->daemon.stop();
    scene_.reset();
  }

  // The p99 of the time from an event's making to its arrival, in milliseconds, over one run.
  double probe() {
    const std::string run = "probe" + std::to_string(number_++);
    EXPECT_TRUE(scene_->run(run, "probe").ok);
    EXPECT_EQ(scene_->gateway.wait_for_end(run, 2 * kRunTime), "RunCompleteEvent");
    EXPECT_EQ(scene_->gateway.order_faults(run), "");
    const std::int64_t to_wall = clock_us(CLOCK_REALTIME) - clock_us(CLOCK_MONOTONIC);
    std::map<std::int64_t, std::int64_t> arrived;
    for (const auto& message : scene_->gateway.of_type("run.event")) {
      if (text_of(message.json, "run_id") != run) continue;
      arrived.emplace(message.json.at("seq").to_number<std::int64_t>(),
                      message.at_ns / 1000 + to_wall);
    }
    std::vector<double> latencies;
    const ipc::UniqueFd journal(::open(scene_->project.journal(run).c_str(), O_RDONLY | O_CLOEXEC));
    ipc::LogReader reader(journal.get());
    for (auto next = reader.next(); next && next->outcome == ipc::LogReader::Outcome::frame;
         next = reader.next()) {
      const auto frame = ipc::decode_journal_frame(next->payload);
      const auto* event = frame ? std::get_if<ipc::Event>(&frame->body) : nullptr;
      if (event == nullptr) continue;
      const auto at = arrived.find(static_cast<std::int64_t>(event->seq));
      EXPECT_NE(at, arrived.end()) << "event " << event->seq << " did not arrive";
      if (at != arrived.end()) {
        latencies.push_back(static_cast<double>(at->second - frame->at_us) / 1000);
      }
    }
    EXPECT_GE(latencies.size(), std::size_t{2} * kProbeSteps);
    if (latencies.empty()) return 1e9;
    std::sort(latencies.begin(), latencies.end());
    return latencies[(latencies.size() * 99 - 1) / 100];
  }

  void begin_bad_run() {
    bad_ = "bad" + std::to_string(number_++);
    ASSERT_TRUE(scene_->run(bad_, "bad").ok);
    ASSERT_TRUE(scene_->gateway.wait_for_event(bad_, "StepStartEvent"));
    // In full swing, or as far as its limits let it.
    ASSERT_TRUE(throughout(milliseconds(500), [&] { return scene_->daemon.running(); }));
  }
  void end_bad_run() {
    EXPECT_EQ(charter_daemon(scene_->project, {"kill", bad_}).code, 0);
    EXPECT_FALSE(scene_->gateway.wait_for_end(bad_).empty());
    EXPECT_TRUE(eventually(kSoon, [&] { return groups_of(scene_->project, bad_).empty(); }));
    EXPECT_TRUE(scene_->project.processes_of(bad_).empty());
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(full_->path(), ignored)) {
      std::filesystem::remove(entry.path(), ignored);
    }
  }
  void expect_bystander_well() {
    EXPECT_EQ(scene_->gateway.event_kinds("bystander").size(), 1U);
    write_file(scene_->project.scratch("go"), "");
    EXPECT_EQ(scene_->gateway.wait_for_end("bystander"), "RunCompleteEvent");
  }

  std::unique_ptr<Started> scene_;
  std::unique_ptr<SmallFileSystem> full_;
  std::string bad_;
  int number_ = 0;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Whether others live, on a machine that need not be idle.
using ABadNeighbour = BadNeighbour;
TEST_P(ABadNeighbour, EndsNoOther) {
  const double quiet = probe();
  ASSERT_NO_FATAL_FAILURE(begin_bad_run());
  const double beside = probe();
  end_bad_run();
  expect_bystander_well();
  std::cout << GetParam().name << ": p99 " << quiet << " ms alone, " << beside << " ms beside it\n";
}

using LongBadNeighbour = BadNeighbour;
TEST_P(LongBadNeighbour, DelaysNoOther) {
  std::vector<double> quiet;
  std::vector<double> beside;
  for (int round = 0; round < 5; ++round) {
    quiet.push_back(probe());
    ASSERT_NO_FATAL_FAILURE(begin_bad_run());
    beside.push_back(probe());
    end_bad_run();
  }
  expect_bystander_well();
  std::cout << GetParam().name << ": median p99 " << median(quiet) << " ms alone, "
            << median(beside) << " ms beside it\n";
  EXPECT_LE(median(beside), std::max(2 * median(quiet), kLeastMs));
}

std::string named(const ::testing::TestParamInfo<Neighbour>& info) { return info.param.name; }

const Neighbour kForkBomb{"ForkBomb", "b() { b | b & }\nb\nsleep 1000"};
const Neighbour kEngineStopped{"EngineStopped", "kill -STOP $PPID\nsleep 1000"};

INSTANTIATE_TEST_SUITE_P(Sample, ABadNeighbour, ::testing::Values(kForkBomb, kEngineStopped),
                         named);
INSTANTIATE_TEST_SUITE_P(
    All, LongBadNeighbour,
    ::testing::Values(
        kForkBomb, kEngineStopped,
        Neighbour{"MemoryHog", "head -c 400000000 /dev/zero | tail -n 1 >/dev/null\nexit 1"},
        Neighbour{"MuchOutput", "yes 'as much as it can, far over 100 MB a second'"},
        Neighbour{"LongLine", "head -c 200000000 /dev/zero | tr '\\0' x"},
        Neighbour{"Descriptors", "exec bash -c 'while exec {f}</dev/null; do :; done; sleep 1000'"},
        Neighbour{"BusyLoops", "for i in $(seq 16); do (while :; do :; done) & done\nwait"},
        Neighbour{"DiskFull", "while :; do cat /dev/zero >%s/x; done", true}),
    named);

}  // namespace
}  // namespace charter::tests
