#include "supervisor/journal_syncs.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <map>
#include <memory>
#include <string>

#include "ipc/log_segment.h"
#include "supervisor/sync_mark.h"
#include "tests/support/files.h"

namespace charter::supervisor {
namespace {

class JournalSyncsTest : public ::testing::Test {
 protected:
  // A journal of `run` with `text` in it.
  std::shared_ptr<ipc::UniqueFd> journal(const std::string& run, const std::string& text) const {
    const std::string path = directory_ / run;
    tests::write_file(path, text);
    return std::make_shared<ipc::UniqueFd>(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  }
  void add(const std::string& run, std::shared_ptr<ipc::UniqueFd> file, std::uint64_t end) {
    syncs_.add(run, std::move(file), end,
               [this, run](const ipc::Result<void>& result) { told_[run] = result.has_value(); });
  }
  static bool in_doubt(const std::string& path) {
    return ipc::in_doubt(ipc::UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC)).get());
  }

  tests::TempDir directory_;
  JournalSyncs syncs_{directory_ / "mark"};
  std::map<std::string, bool> told_;
};

TEST_F(JournalSyncsTest, EachOfManyIsToldOnceWhateverBecameOfTheOthers) {
  constexpr int kMany = 300;
  for (int i = 0; i < kMany; ++i) {
    const std::string id = "r" + std::to_string(i);
    auto file = journal(id, "promised");
    if (i % 50 == 7) ipc::put_in_doubt(file->get());
    if (i % 50 == 9) file->reset(::open("/proc/self/status", O_RDONLY | O_CLOEXEC));
    add(id, std::move(file), 8);
  }
  EXPECT_GE(told_.size(), 200U) << "there may be more of them than descriptors";
  syncs_.finish();
  ASSERT_EQ(told_.size(), 300U);
  for (int i = 0; i < kMany; ++i) {
    const std::string id = "r" + std::to_string(i);
    EXPECT_EQ(told_[id], i % 50 != 9) << id << ": procfs syncs nothing";
    EXPECT_FALSE(in_doubt(directory_ / id)) << id << " was written again";
    EXPECT_EQ(tests::read_file(directory_ / id), "promised");
  }
  EXPECT_EQ(SyncMark::left(directory_ / "mark").value(), "");
}

TEST_F(JournalSyncsTest, OneInDoubtThatCannotBeWrittenAgainStaysSo) {
  auto file = journal("r1", "promised");
  ipc::put_in_doubt(file->get());
  add("r1", file, 9);
  syncs_.finish();
  EXPECT_FALSE(told_.at("r1")) << "it is shorter than what was promised";
  EXPECT_TRUE(in_doubt(directory_ / "r1"));
  told_.clear();
  syncs_.finish();
  EXPECT_TRUE(told_.empty());
}

}  // namespace
}  // namespace charter::supervisor
