// A loss of power right behind the removal of an old journal: the removal may be on the disk, and
// whatever was only noted is not. No step of the run is executed again.
#include <algorithm>
#include <chrono>

#include "tests/faults/crash_images.h"

namespace charter::tests {
namespace {

// The first look at old journals comes early; where the run is slower, the next one.
constexpr std::chrono::seconds kTwoLooks{120};

class RemovedJournals : public CrashImages {
 protected:
  RemovedJournals() { arguments_ = {"--max-runs", "2", "--retain", "0"}; }

  void record() override {
    DaemonProcess daemon(project_, traced());
    for (const char* run : {"r0", "r1"}) {
      hand_off_run(daemon, run);
      runs_.emplace_back(run);
    }
    for (const std::string& run : runs_) {
      ASSERT_TRUE(eventually(kTwoLooks, [&] { return !exists(project_.journal(run)); }))
          << daemon.log();
    }
    (void)daemon.stop();
  }
  // When the name was gone.
  Moment removal(const std::string& path) const {
    const auto calls = read_trace(trace_);
    const auto found = std::ranges::find_if(calls, [&](const TracedCall& call) {
      return call.name == "unlink" && call.result == 0 && quoted_text(call.arguments[0]) == path;
    });
    return found == calls.end() ? 0 : found->ended;
  }
};

TEST_F(RemovedJournals, AreOfRunsThatTheDiskKnowsToBeOver) {
  for (const std::string& run : runs_) {
    const Moment at = removal(project_.journal(run));
    ASSERT_GT(at, 0U);
    auto image = disk_.image(at, Loss::unsynced, 0);
    image.erase(project_.journal(run));
    (void)unlink(project_.scratch("daemon.log").c_str());
    build(image);
    DaemonProcess daemon(project_, rebooted());
    EXPECT_EQ(text_of(run_view(daemon.socket(), run), "state"), "finished") << daemon.log();
    EXPECT_TRUE(lines_of(log(run)).empty()) << "a step was executed again";
    (void)daemon.stop();
  }
}

}  // namespace
}  // namespace charter::tests
