// The ledger on a disk that does not take it.
#include "supervisor/ledger.h"

#include <gtest/gtest.h>

#include <optional>

#include "tests/support/directory_syncs.h"
#include "tests/support/lost_pages.h"
#include "tests/unit/supervisor/parts_fixture.h"

namespace charter::supervisor::tests {
namespace {

class LedgerTest : public PartsTest {
 protected:
  static ipc::LedgerRecord record(std::size_t size) {
    ipc::Started started;
    started.command_id = "command";
    started.message = std::string(size, 'x');
    return {0, std::move(started)};
  }
};

// What failed would fail again at once, and its warnings fill the log.
TEST_F(LedgerTest, NotesThatCannotBeWrittenAreTriedOnceASecond) {
  constexpr int kMany = 100'000;
  constexpr int kTries = 6;  // the first two follow each other
  Ledger& ledger = life_->ledger();
  const charter::tests::DirectorySyncs syncs(layout_->ledger_dir());
  bool wanted = false;
  ledger.snapshot_from([&] {
    wanted = true;
    return std::vector<ipc::LedgerRecord>();
  });
  syncs.fail(kMany);
  ledger.note(record(9U << 20));  // so that a snapshot is wanted, which fails
  ASSERT_TRUE(life_->until([&] { return wanted && syncs.failures_left() < kMany; }));
  ledger.note(record(1));
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_TRUE(life_->until([&] { return syncs.failures_left() <= kMany - kTries; }));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, std::chrono::seconds(kTries - 3));
  EXPECT_GE(syncs.failures_left(), kMany - 2 * kTries);
  EXPECT_NE(ledger.trouble(), "");
  syncs.fail(0);
  EXPECT_TRUE(life_->until([&] { return ledger.trouble().empty(); })) << "service goes on";
  bool kept = false;
  ledger.append(record(1), [&](const ipc::Result<void>& written) { kept = written.has_value(); });
  EXPECT_TRUE(life_->until([&] { return kept; }));
}

// Who asks for what was noted before is not helped by what is written now.
TEST_F(LedgerTest, NotesInDoubtAreNotDurableBecauseWhatIsWrittenWithTheRequestIs) {
  Ledger& ledger = life_->ledger();
  std::optional<charter::tests::LostPages> disk;  // the ledger's thread's
  bool written = false;
  bool beside = false;
  std::optional<ipc::Result<void>> notes;
  const auto into = [](bool& done) {
    return [&done](const ipc::Result<void>& result) { done = result.has_value(); };
  };
  const auto some = [] { return std::vector<ipc::LedgerRecord>{record(1)}; };
  ledger.append(some(), into(written), [&] {
    disk.emplace();
    disk->fail(2);  // nor can it be written again
    return ipc::Result<void>();
  });
  // While that is under way: these share a group.
  ledger.append(some(), into(beside), [&] {
    disk.reset();
    return ipc::Result<void>();
  });
  ledger.sync_notes([&](const ipc::Result<void>& result) { notes = result; });
  ASSERT_TRUE(life_->until([&] { return notes.has_value(); }));
  EXPECT_TRUE(written);
  EXPECT_TRUE(beside);
  EXPECT_FALSE(*notes);
  ledger.snapshot_from([] { return std::vector<ipc::LedgerRecord>(); });
  notes.reset();
  ledger.sync_notes([&](const ipc::Result<void>& result) { notes = result; });
  ASSERT_TRUE(life_->until([&] { return notes.has_value(); }));
  EXPECT_TRUE(*notes) << "a snapshot has taken the place of what was in doubt";
}

TEST_F(LedgerTest, RecordThatIsTooLargeIsRefusedAlone) {
  Ledger& ledger = life_->ledger();
  bool first = false;
  bool other = false;
  std::optional<ipc::Result<void>> large;
  ledger.append(record(1), [&](const ipc::Result<void>& result) { first = result.has_value(); });
  // While that is under way: these share a group.
  ledger.append(record(ipc::kMaxFrameBytes),
                [&](const ipc::Result<void>& result) { large = result; });
  ledger.append(record(1), [&](const ipc::Result<void>& result) { other = result.has_value(); });
  ASSERT_TRUE(life_->until([&] { return large.has_value(); }));
  EXPECT_TRUE(first);
  EXPECT_TRUE(other);
  ASSERT_FALSE(*large);
  EXPECT_EQ(large->error().code, std::errc::message_size);
  EXPECT_EQ(ledger.trouble(), "") << "nothing is wrong with the disk";
}

}  // namespace
}  // namespace charter::supervisor::tests
