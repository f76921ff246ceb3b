// A loss of power at any moment of real runs: whatever a disk that honours flush may hold then, a
// daemon starts on it, knows what was promised, and does nothing twice.
#include "tests/faults/crash_images.h"

namespace charter::tests {
namespace {

TEST_F(CrashImages, SampleOfMoments) {
  const std::size_t stride = disk_.moments().size() / 10 + 1;
  for (const Loss loss : {Loss::nothing, Loss::unsynced, Loss::torn, Loss::mixed}) {
    ASSERT_NO_FATAL_FAILURE(survive_all(loss, stride));
  }
}

class LongCrashImages : public CrashImages, public ::testing::WithParamInterface<Loss> {};

TEST_P(LongCrashImages, OfEveryMoment) { survive_all(GetParam(), 1); }

INSTANTIATE_TEST_SUITE_P(Long, LongCrashImages,
                         ::testing::Values(Loss::nothing, Loss::unsynced, Loss::torn, Loss::mixed),
                         name_of);

}  // namespace
}  // namespace charter::tests
