// A loss of power behind syncs that failed: whatever they should have written is lost, although
// later ones succeeded, and nothing that was promised depends on it.
#include "tests/faults/crash_images.h"

namespace charter::tests {
namespace {

// Some syncs of each thread, and of each worker, fail. What they lost is written again, by the same
// daemon or by the next one in the same boot.
class FailedSyncsTest : public CrashImages {
 protected:
  // Which of a thread's syncs, as strace takes it.
  [[nodiscard]] virtual std::string which() const = 0;
  void record() override {
    {
      DaemonProcess daemon(project_, traced("fdatasync:error=EIO:when=" + which()));
      for (const char* run : {"r0", "bad", "r1", "r2"}) {
        hand_off_run(daemon, run);
        runs_.emplace_back(run);
      }
      for (const std::string& run : runs_) {
        ASSERT_TRUE(eventually(
            kRunTime,
            [&] { return text_of(run_view(daemon.socket(), run), "state") == "finished"; }))
            << run << "\n"
            << daemon.log();
      }
      (void)daemon.stop();
    }
    DaemonProcess next(project_, traced());
    ASSERT_TRUE(eventually(kRunTime, [&] { return all_over(next.socket(), 0); })) << next.log();
    (void)next.stop();
  }
};

class FailedSyncs : public FailedSyncsTest, public ::testing::WithParamInterface<const char*> {
 protected:
  std::string which() const override { return GetParam(); }
};

TEST_P(FailedSyncs, LoseNothingThatWasPromisedByALaterOne) {
  ASSERT_GT(disk_.dropped(), 0U) << "every failed sync was made up for at once";
  const std::size_t stride = disk_.moments().size() / 8 + 1;
  for (const Loss loss : {Loss::nothing, Loss::unsynced, Loss::torn, Loss::mixed}) {
    ASSERT_NO_FATAL_FAILURE(survive_all(loss, stride));
  }
}

class LongFailedSyncs : public FailedSyncsTest, public ::testing::WithParamInterface<Loss> {
 protected:
  std::string which() const override { return "2+3"; }
};

TEST_P(LongFailedSyncs, LoseNothingAtAnyMoment) { survive_all(GetParam(), 1); }

INSTANTIATE_TEST_SUITE_P(From, FailedSyncs, ::testing::Values("2+5", "3+4", "4+3"),
                         [](const auto& each) {
                           return "Call" + std::string(each.param).substr(0, 1);
                         });
INSTANTIATE_TEST_SUITE_P(Long, LongFailedSyncs,
                         ::testing::Values(Loss::nothing, Loss::unsynced, Loss::torn, Loss::mixed),
                         name_of);

}  // namespace
}  // namespace charter::tests
