// A log of which a sync has failed: what that lost is written again before anyone relies on it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include "ipc/log_segment.h"
#include "log_scratch.h"
#include "tests/support/lost_pages.h"

namespace charter::ipc {
namespace {

class LogDoubt : public LogScratch {
 protected:
  LogDoubt() : log_(new_log()), writer_(*LogWriter::open(log_.get(), kLogHeaderSize)) {}

  void append(unsigned seed) {
    payloads_.push_back(payload(200, seed));
    ASSERT_TRUE(writer_.append(std::vector<std::string>{payloads_.back()}));
  }
  // After a loss of power.
  Found left_on_disk() {
    const UniqueFd copy(::open(path("copy").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    const std::string bytes = disk_.on_disk(path("log"));
    EXPECT_EQ(::write(copy.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
    EXPECT_TRUE(check_log_header(copy.get(), LogKind::journal));
    return read_to_end(copy.get());
  }

  charter::tests::LostPages disk_;
  UniqueFd log_;
  LogWriter writer_;
  std::vector<std::string> payloads_;
};

TEST_F(LogDoubt, what_a_failed_sync_has_lost_is_written_again) {
  append(1);
  ASSERT_TRUE(writer_.sync());
  append(2);
  disk_.fail(1);
  EXPECT_TRUE(writer_.sync());
  EXPECT_EQ(disk_.failures_left(), 0);
  EXPECT_FALSE(in_doubt(log_.get()));
  append(3);
  EXPECT_TRUE(writer_.sync());
  EXPECT_EQ(left_on_disk().payloads, payloads_);
}

TEST_F(LogDoubt, one_that_fails_again_is_sealed_and_in_doubt_for_whoever_comes_next) {
  append(1);
  disk_.fail(2);
  EXPECT_FALSE(writer_.sync());
  EXPECT_TRUE(writer_.sealed());
  const UniqueFd other(::open(path("log").c_str(), O_RDWR | O_CLOEXEC));
  EXPECT_TRUE(in_doubt(other.get()));
  ASSERT_EQ(::fdatasync(other.get()), 0) << "which proves nothing";
  auto next = LogWriter::open(other.get(), writer_.end());
  ASSERT_TRUE(next);
  EXPECT_TRUE(next->sync());
  EXPECT_FALSE(in_doubt(other.get()));
  EXPECT_EQ(left_on_disk().payloads, payloads_);
}

// The kernel tells a reader of the file, and not its writer, too.
TEST_F(LogDoubt, a_writer_heeds_the_sync_of_another_that_failed) {
  append(1);
  disk_.fail(1);
  ASSERT_NE(::fdatasync(log_.get()), 0);
  put_in_doubt(log_.get());
  EXPECT_TRUE(writer_.sync());
  EXPECT_EQ(left_on_disk().payloads, payloads_);
}

TEST_F(LogDoubt, what_the_kernel_no_longer_has_cannot_be_written_again) {
  append(1);
  const std::string zeros(512, '\0');
  ASSERT_EQ(::pwrite(log_.get(), zeros.data(), zeros.size(), 512), 512);
  disk_.fail(1);
  EXPECT_FALSE(writer_.sync());
  EXPECT_TRUE(writer_.sealed());
  EXPECT_TRUE(in_doubt(log_.get()));
}

}  // namespace
}  // namespace charter::ipc
