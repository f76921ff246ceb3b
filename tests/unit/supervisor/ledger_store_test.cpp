#include "supervisor/ledger_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "ipc/codec.h"
#include "supervisor/place.h"
#include "tests/support/directory_syncs.h"
#include "tests/support/lost_pages.h"

namespace charter::supervisor {
namespace {

namespace fs = std::filesystem;

std::string accepted(const std::string& id, std::uint64_t order, std::size_t state = 2) {
  ipc::Accepted record;
  record.run_id = id;
  record.order = order;
  record.state = std::string(state, '{');
  return ipc::encode(ipc::LedgerRecord{1, record});
}

class LedgerStoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string made = "/tmp/ledger-store-XXXXXX";
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    directory_ = made;
    place_ = *place_of(directory_);
  }
  void TearDown() override { fs::remove_all(directory_); }

  LedgerStore::Opened reopen() {
    LedgerStore::Opened opened;
    auto store = LedgerStore::open(directory_, place_, opened, runs_left_);
    EXPECT_TRUE(store) << (store ? "" : store.error().message());
    if (store) store_.emplace(std::move(*store));
    return opened;
  }
  void append(const std::vector<std::string>& payloads) {
    const auto written = store_->commit(payloads, true);
    ASSERT_TRUE(written) << written.error().message();
  }
  // The segment that was written to last.
  std::string latest() const {
    std::string name;
    for (const auto& entry : fs::directory_iterator(directory_)) {
      const std::string one = entry.path().filename();
      const bool segment = one.ends_with(".base") || one.ends_with(".more");
      if (segment && one > name && fs::file_size(entry.path()) > ipc::kLogHeaderSize) name = one;
    }
    return directory_ + "/" + name;
  }
  void remove_all_but(const std::string& segment) const {
    for (const auto& entry : fs::directory_iterator(directory_)) {
      const bool newer = entry.path().string() > segment;
      if (newer || !entry.path().string().ends_with(".base")) fs::remove(entry.path());
    }
  }
  static std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void write(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }
  static void disk_fails(const tests::LostPages& disk, int times) {
    ASSERT_EQ(disk.failures_left(), 0);
    disk.fail(times);
  }
  void lose_power(const tests::LostPages& disk) const {
    for (const auto& entry : fs::directory_iterator(directory_)) disk.lose_power(entry.path());
  }
  std::size_t files(const std::string& suffix) const {
    std::size_t count = 0;
    for (const auto& entry : fs::directory_iterator(directory_)) {
      if (entry.path().filename().string().ends_with(suffix)) ++count;
    }
    return count;
  }

  std::string directory_;
  ipc::Place place_;
  LedgerStore::RunsLeft runs_left_ = [] { return false; };
  std::optional<LedgerStore> store_;
};

TEST_F(LedgerStoreTest, FreshLedgerKnowsItsPlaceAndHoldsNothing) {
  const auto opened = reopen();
  EXPECT_TRUE(opened.fresh);
  EXPECT_TRUE(opened.holding.empty());
  const auto again = reopen();
  EXPECT_FALSE(again.fresh);
  ASSERT_TRUE(again.state.place);
  EXPECT_EQ(again.state.place->inode, place_.inode);
}

// Killed right behind it, the next daemon finds a ledger, which knows nothing.
TEST_F(LedgerStoreTest, LedgerThatIsGoneHoldsUntilSomeoneDecides) {
  runs_left_ = [] { return true; };
  EXPECT_NE(reopen().holding, "");
  const auto again = reopen();
  EXPECT_FALSE(again.fresh);
  EXPECT_NE(again.holding, "");
  ASSERT_TRUE(store_->end_holding());
  EXPECT_EQ(reopen().holding, "");
}

TEST_F(LedgerStoreTest, LedgerIsNotBegunWhereItCannotBeToldWhetherItIsGone) {
  runs_left_ = [] { return ipc::Result<bool>(ipc::plain_error("unreadable")); };
  LedgerStore::Opened opened;
  EXPECT_FALSE(LedgerStore::open(directory_, place_, opened, runs_left_));
  EXPECT_TRUE(fs::is_empty(directory_));
}

TEST_F(LedgerStoreTest, WhatWasCommittedIsThereAfterEveryReopening) {
  reopen();
  for (std::uint64_t i = 1; i <= 5; ++i) {
    append({accepted("run-" + std::to_string(i), i)});
    EXPECT_EQ(reopen().state.runs.size(), i);
  }
  EXPECT_EQ(reopen().state.next_order, 6U);
}

// A note that says that a journal may go has to be durable before it does.
TEST_F(LedgerStoreTest, CommitOfNothingMakesWhatWasWrittenBeforeDurable) {
  const tests::LostPages disk;
  reopen();
  ASSERT_TRUE(store_->commit(std::vector<std::string>{accepted("noted", 1)}, false));
  ASSERT_TRUE(store_->commit({}, true));
  lose_power(disk);
  EXPECT_TRUE(reopen().state.runs.contains("noted"));
}

TEST_F(LedgerStoreTest, CommitOfNothingFailsUntilASnapshotWhereWhatWasWrittenBeforeIsInDoubt) {
  const tests::LostPages disk;
  reopen();
  const std::string noted = accepted("noted", 1);
  ASSERT_TRUE(store_->commit(std::vector<std::string>{noted}, false));
  disk_fails(disk, 2);  // nor can it be written again
  EXPECT_FALSE(store_->commit({}, true));
  EXPECT_EQ(disk.failures_left(), 0);
  append({accepted("later", 2)});  // in a new segment
  EXPECT_FALSE(store_->commit({}, true));
  ASSERT_TRUE(store_->wants_compaction());
  ASSERT_TRUE(store_->compact(std::vector<std::string>{noted}));
  EXPECT_TRUE(store_->commit({}, true));
}

TEST_F(LedgerStoreTest, TailTornAtEveryByteLosesOnlyTheLastRecord) {
  reopen();
  append({accepted("kept", 1)});
  const std::string segment = latest();
  const auto whole = fs::file_size(segment);
  append({accepted("torn", 2)});
  const auto size = fs::file_size(segment);
  std::ifstream in(segment, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  for (auto cut = whole; cut < size; ++cut) {
    remove_all_but(segment);
    write(segment, bytes.substr(0, static_cast<std::size_t>(cut)));
    const auto opened = reopen();
    ASSERT_TRUE(opened.state.runs.contains("kept")) << "cut at " << cut;
    ASSERT_FALSE(opened.state.runs.contains("torn")) << "cut at " << cut;
    ASSERT_TRUE(opened.holding.empty()) << "cut at " << cut;
    // Nothing of it is left to be mistaken for damage later.
    ASSERT_EQ(fs::file_size(segment), whole) << "cut at " << cut;
    ASSERT_TRUE(reopen().holding.empty()) << "cut at " << cut;
  }
}

// Only what was written last can have been torn.
TEST_F(LedgerStoreTest, FlippedBitInTheLastRecordOfAnOlderSegmentHolds) {
  reopen();
  append({accepted("first", 1)});
  const std::string segment = latest();
  const auto start = fs::file_size(segment);
  append({accepted("second", 2)});
  const std::string bytes = read(segment);
  reopen();
  append({accepted("third", 3)});
  const std::string later = latest();
  const std::string later_bytes = read(later);
  for (auto at = start; at < bytes.size(); ++at) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << (at % 8)));
    remove_all_but(segment);
    write(segment, flipped);
    write(later, later_bytes);
    const auto opened = reopen();
    ASSERT_TRUE(opened.damaged) << "byte " << at;
    ASSERT_FALSE(opened.holding.empty()) << "byte " << at;
    ASSERT_TRUE(opened.state.runs.contains("first")) << "byte " << at;
    ASSERT_FALSE(opened.state.runs.contains("second")) << "byte " << at;
    ASSERT_TRUE(opened.state.runs.contains("third")) << "byte " << at;
  }
}

// Of what was not synced the disk may have written the later part first.
TEST_F(LedgerStoreTest, HoleInTheNewestSegmentIsWhatALossOfPowerLeaves) {
  reopen();
  append({accepted("first", 1)});
  const std::string segment = latest();
  const auto start = fs::file_size(segment);
  append({accepted("second", 2, 3000)});
  append({accepted("third", 3)});
  std::string bytes = read(segment);
  const auto hole = (start / 512 + 1) * 512;
  bytes.replace(hole, 512, std::string(512, '\0'));
  remove_all_but(segment);
  write(segment, bytes);
  auto opened = reopen();
  EXPECT_FALSE(opened.damaged);
  EXPECT_TRUE(opened.holding.empty());
  EXPECT_TRUE(opened.state.runs.contains("first"));
  EXPECT_FALSE(opened.state.runs.contains("second"));
  EXPECT_TRUE(opened.state.runs.contains("third"));
  // Killed before it does anything else: in an older segment the hole would be damage.
  opened = reopen();
  EXPECT_TRUE(opened.holding.empty()) << opened.holding;
  EXPECT_TRUE(opened.state.runs.contains("first"));
  EXPECT_TRUE(opened.state.runs.contains("third"));
}

TEST_F(LedgerStoreTest, HoleInAnOlderSegmentIsDamage) {
  reopen();
  append({accepted("first", 1, 3000)});
  const std::string segment = latest();
  append({accepted("second", 2)});
  reopen();
  append({accepted("third", 3)});
  std::string bytes = read(segment);
  bytes.replace(1024, 512, std::string(512, '\0'));
  write(segment, bytes);
  EXPECT_FALSE(reopen().holding.empty());
}

TEST_F(LedgerStoreTest, DamageInTheMiddleKeepsTheRestAndHolds) {
  reopen();
  append({accepted("first", 1)});
  const std::string segment = latest();
  const auto damaged_at = fs::file_size(segment) + ipc::kLogHeaderSize / 2;
  append({accepted("second", 2)});
  append({accepted("third", 3)});
  std::fstream file(segment, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(damaged_at));
  file.put('\xff');
  file.close();

  auto opened = reopen();
  EXPECT_TRUE(opened.damaged);
  EXPECT_EQ(opened.holding, "the ledger is damaged");
  EXPECT_TRUE(opened.state.runs.contains("first"));
  EXPECT_FALSE(opened.state.runs.contains("second"));
  EXPECT_TRUE(opened.state.runs.contains("third"));

  // A snapshot sets the damaged segments aside; holding stays until someone decides.
  ASSERT_TRUE(store_->wants_compaction());
  ASSERT_TRUE(store_->compact(std::vector<std::string>{accepted("third", 3)}));
  EXPECT_GT(files(".damaged"), 0U);
  opened = reopen();
  EXPECT_FALSE(opened.damaged);
  EXPECT_EQ(opened.holding, "the ledger is damaged");
  ASSERT_TRUE(store_->end_holding());
  EXPECT_TRUE(reopen().holding.empty());
}

TEST_F(LedgerStoreTest, FlippedBitInEveryByteCostsOnlyItsRecordAndHolds) {
  reopen();
  const std::vector<std::string> ids = {"first", "second", "third"};
  const std::string segment = latest();
  std::vector<std::uintmax_t> starts;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    starts.push_back(fs::file_size(segment));
    append({accepted(ids[i], i + 1)});
  }
  std::ifstream in(segment, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  std::size_t hit = 0;
  for (std::size_t at = starts[0]; at < bytes.size(); ++at) {
    while (hit + 1 < starts.size() && starts[hit + 1] <= at) ++hit;
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ (1 << (at % 8)));
    for (const auto& entry : fs::directory_iterator(directory_)) fs::remove(entry.path());
    std::ofstream(segment, std::ios::binary) << flipped;
    const auto opened = reopen();
    for (std::size_t i = 0; i < ids.size(); ++i) {
      ASSERT_EQ(opened.state.runs.contains(ids[i]), i != hit) << ids[i] << ", byte " << at;
    }
    // Damage at the very end cannot be told from a torn tail.
    ASSERT_EQ(opened.holding.empty(), hit + 1 == ids.size()) << "byte " << at;
  }
}

TEST_F(LedgerStoreTest, SegmentOfWhichOnlyTheSizeReachedTheDiskHeldNothing) {
  reopen();
  append({accepted("kept", 1)});
  reopen();
  const std::string unsynced = directory_ + "/0000000099.more";
  for (const std::size_t size : {1U, 63U, 64U, 65U, 512U, 4096U, 70000U}) {
    std::ofstream(unsynced, std::ios::binary | std::ios::trunc) << std::string(size, '\0');
    const auto opened = reopen();
    ASSERT_TRUE(opened.state.runs.contains("kept")) << size;
    ASSERT_TRUE(opened.holding.empty()) << size;
  }
  // Zeros with anything behind them are no such segment: it is refused, not passed over.
  std::ofstream(unsynced, std::ios::binary | std::ios::trunc) << std::string(70000, '\0') << 'x';
  LedgerStore::Opened opened;
  EXPECT_FALSE(LedgerStore::open(directory_, place_, opened, runs_left_));
}

// Its contents were durable before it had its name.
TEST_F(LedgerStoreTest, SnapshotWithoutContentsIsDamageAndTheOneBeforeItIsRead) {
  const std::string snapshot = directory_ + "/0000000099.base";
  for (const std::size_t size : {0U, 1U, 63U, 64U, 4096U}) {
    for (const auto& entry : fs::directory_iterator(directory_)) fs::remove(entry.path());
    reopen();
    append({accepted("before", 1)});
    write(snapshot, std::string(size, '\0'));
    auto opened = reopen();
    EXPECT_EQ(opened.holding, "the ledger is damaged") << size;
    EXPECT_TRUE(opened.state.runs.contains("before")) << size;
    for (const auto& entry : fs::directory_iterator(directory_)) {
      if (entry.path() != snapshot) fs::remove(entry.path());
    }
    EXPECT_EQ(reopen().holding, "the ledger is damaged") << size << ", nothing else is left";
  }
}

// Its tail may be torn, since it is what was written last.
TEST_F(LedgerStoreTest, SegmentThatCouldNotBeBegunMakesNoOlderOneOfTheSnapshotBesideIt) {
  reopen();
  {
    const tests::DirectorySyncs syncs(directory_);
    syncs.fail(1);
    reopen();
    ASSERT_EQ(syncs.failures_left(), 0);
  }
  const std::string left = directory_ + "/0000000002.more";
  ASSERT_TRUE(fs::exists(left));
  const std::string header = read(left);
  ASSERT_TRUE(store_->compact(
      std::vector<std::string>{ipc::encode(ipc::LedgerRecord{1, place_}), accepted("kept", 1)}));
  append({accepted("torn", 2)});
  EXPECT_FALSE(fs::exists(left)) << "the snapshot has taken its place";
  store_.reset();
  const std::string snapshot = latest();
  ASSERT_TRUE(snapshot.ends_with(".base"));
  const std::string bytes = read(snapshot);
  // An earlier version has left it there.
  const std::string beside = snapshot.substr(0, snapshot.size() - 5) + ".more";
  for (const char* first : {"snapshot", "the other"}) {
    for (const auto& entry : fs::directory_iterator(directory_)) fs::remove(entry.path());
    if (first == std::string("the other")) write(beside, header);
    write(snapshot, bytes.substr(0, bytes.size() - 1));
    write(beside, header);
    const auto opened = reopen();
    EXPECT_EQ(opened.holding, "") << first << " was made first";
    EXPECT_TRUE(opened.state.runs.contains("kept"));
    EXPECT_FALSE(opened.state.runs.contains("torn"));
  }
}

// The records go into another segment; a snapshot takes the place of what the disk may have of this
// one.
TEST_F(LedgerStoreTest, SegmentThatCannotBeSyncedIsReplaced) {
  const tests::LostPages disk;
  reopen();
  append({accepted("before", 1)});
  disk_fails(disk, 2);
  append({accepted("meanwhile", 2)});
  EXPECT_TRUE(store_->wants_compaction());
  ASSERT_TRUE(store_->compact(std::vector<std::string>{
      ipc::encode(ipc::LedgerRecord{1, place_}), accepted("before", 1), accepted("meanwhile", 2)}));
  EXPECT_FALSE(store_->wants_compaction());
  append({accepted("after", 3)});
  lose_power(disk);
  const auto opened = reopen();
  EXPECT_EQ(opened.holding, "");
  EXPECT_EQ(opened.state.runs.size(), 3U);
}

TEST_F(LedgerStoreTest, FailedSyncLosesNothingByTheNext) {
  const tests::LostPages disk;
  reopen();
  for (std::uint64_t i = 1; i <= 20; ++i) {
    const auto run = "run-" + std::to_string(i);
    ASSERT_TRUE(store_->commit(std::vector<std::string>{accepted(run, i)}, i % 3 == 0));
    if (i % 6 == 0) disk_fails(disk, 1);
    if (i % 10 == 0) reopen();
  }
  lose_power(disk);
  const auto opened = reopen();
  EXPECT_EQ(opened.holding, "");
  EXPECT_EQ(opened.state.runs.size(), 20U);
}

TEST_F(LedgerStoreTest, WhatWasRefusedIsNotFoundLater) {
  const tests::LostPages disk;
  reopen();
  append({accepted("kept", 1)});
  disk_fails(disk, 3);  // and again, and in the next segment
  EXPECT_FALSE(store_->commit(std::vector<std::string>{accepted("refused", 2)}, true));
  append({accepted("later", 3)});
  for (int start = 0; start < 2; ++start) {
    const auto opened = reopen();
    EXPECT_EQ(opened.holding, "");
    EXPECT_TRUE(opened.state.runs.contains("kept"));
    EXPECT_TRUE(opened.state.runs.contains("later"));
    EXPECT_FALSE(opened.state.runs.contains("refused"));
  }
}

TEST_F(LedgerStoreTest, CopyInAnotherDirectoryHolds) {
  reopen();
  append({accepted("run", 1)});
  const std::string copy = directory_ + "-copy";
  fs::copy(directory_, copy, fs::copy_options::recursive);
  LedgerStore::Opened opened;
  ASSERT_TRUE(LedgerStore::open(copy, *place_of(copy), opened, runs_left_));
  EXPECT_TRUE(opened.holding.starts_with("the ledger is a copy")) << opened.holding;
  EXPECT_TRUE(opened.state.runs.contains("run"));
  fs::remove_all(copy);
}

TEST_F(LedgerStoreTest, UnknownComponentsOfAPlaceAreNotCompared) {
  ipc::Place other = place_;
  other.machine_id.clear();
  other.filesystem.clear();
  EXPECT_EQ(place_difference(place_, other), "");
  other.machine_id = "another";
  ipc::Place here = place_;
  here.machine_id = "this";
  EXPECT_NE(place_difference(other, here), "");
}

TEST_F(LedgerStoreTest, CompactionReplacesEverythingBeforeIt) {
  reopen();
  append({accepted("old", 1), accepted("live", 2)});
  ASSERT_TRUE(store_->compact(std::vector<std::string>{accepted("live", 2)}));
  append({accepted("new", 3)});
  const auto opened = reopen();
  EXPECT_FALSE(opened.state.runs.contains("old"));
  EXPECT_TRUE(opened.state.runs.contains("live"));
  EXPECT_TRUE(opened.state.runs.contains("new"));
  EXPECT_EQ(files(".base"), 1U);
}

TEST_F(LedgerStoreTest, SnapshotThatWasNotFinishedChangesNothing) {
  reopen();
  append({accepted("run", 1)});
  std::ofstream(directory_ + "/0000000099.new", std::ios::binary) << "half a snapshot";
  const auto opened = reopen();
  EXPECT_TRUE(opened.state.runs.contains("run"));
  EXPECT_TRUE(opened.holding.empty());
}

TEST_F(LedgerStoreTest, ManyRestartsAskForACompaction) {
  for (int i = 0; i < 20; ++i) reopen();
  EXPECT_TRUE(store_->wants_compaction());
}

TEST_F(LedgerStoreTest, NewerVersionIsRefusedNamingBoth) {
  reopen();
  std::fstream file(latest(), std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(8);
  file.put('\x07');
  file.close();
  LedgerStore::Opened opened;
  const auto store = LedgerStore::open(directory_, place_, opened, runs_left_);
  ASSERT_FALSE(store);
  EXPECT_NE(store.error().message().find('7'), std::string::npos) << store.error().message();
  EXPECT_NE(store.error().message().find('1'), std::string::npos) << store.error().message();
}

// The files may look the same: what the records say has its version in the first of them.
TEST_F(LedgerStoreTest, RecordsOfALaterVersionAreRefusedNamingBothAndNothingIsWritten) {
  ++place_.version;
  reopen();
  append({accepted("r1", 1)});
  store_.reset();
  const auto before = files(".more");
  --place_.version;
  LedgerStore::Opened opened;
  const auto store = LedgerStore::open(directory_, place_, opened, runs_left_);
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().message(), "the ledger is of version 2, this program knows version 1");
  EXPECT_EQ(files(".more"), before);
  EXPECT_FALSE(fs::exists(directory_ + "/holding"));
}

TEST_F(LedgerStoreTest, LedgerOfTheVersionBeforeIsReadAndIsOfThisOneFromThenOn) {
  reopen();
  append({accepted("r1", 1)});
  store_.reset();
  ++place_.version;
  EXPECT_TRUE(reopen().state.runs.contains("r1"));
  store_.reset();
  --place_.version;
  LedgerStore::Opened opened;
  EXPECT_FALSE(LedgerStore::open(directory_, place_, opened, runs_left_))
      << "without a single record more";
  ++place_.version;
  EXPECT_TRUE(reopen().state.runs.contains("r1"));
}

TEST_F(LedgerStoreTest, CopyOfTheVersionBeforeStaysACopy) {
  reopen();
  store_.reset();
  ++place_.version;
  ++place_.inode;
  EXPECT_NE(reopen().holding, "");
  fs::remove(directory_ + "/holding");
  EXPECT_NE(reopen().holding, "") << "the old place is still the recorded one";
}

TEST(LedgerStateTest, NumberOfACommandOfWhichOnlyTheOutcomeIsLeftStaysUsed) {
  LedgerState state;
  state.apply({1, ipc::CommandDone{"run", 7, true, "", ""}});
  EXPECT_EQ(state.next_number, 8U);
}

TEST(LedgerStateTest, AcceptedRunAnswersItsCommandByItself) {
  LedgerState state;
  ipc::Accepted record;
  record.run_id = "run";
  record.command_id = "c1";
  for (int i = 0; i < 2; ++i) {
    state.apply({1, record});
    state.apply({1, ipc::Started{"c1", "run", true, "", "", true}});
  }
  ASSERT_EQ(state.starts.size(), 1U);
  EXPECT_EQ(state.starts.front().command_id, "c1");
  EXPECT_EQ(state.starts.front().run_id, "run");
  EXPECT_TRUE(state.starts.front().ok);
}

TEST(LedgerStateTest, CursorOfAForgottenRunIsNoneOfTheNextWithItsId) {
  LedgerState state;
  const auto apply = [&state](const std::string& payload) {
    state.apply(*ipc::decode_ledger_record(payload));
  };
  apply(accepted("run", 1));
  apply(ipc::encode(ipc::LedgerRecord{2, ipc::Forgotten{"run"}}));
  apply(ipc::encode(ipc::LedgerRecord{3, ipc::Cursor{"gateway", "run", 7, 700}}));
  EXPECT_TRUE(state.runs.empty());
  apply(accepted("run", 2));
  EXPECT_FALSE(state.runs.at("run").cursor.has_value());
}

TEST(LedgerStateTest, RecordsAppliedTwiceChangeNothing) {
  LedgerState state;
  ipc::Command command;
  command.run_id = "run";
  command.number = 7;
  command.kind = "approve";
  for (int i = 0; i < 2; ++i) {
    state.apply({1, ipc::Accepted{"run", 3, "w", "/w", "t", "{}", "", false, ""}});
    state.apply({1, command});
    state.apply({1, ipc::CommandDone{"run", 7, true, "", ""}});
  }
  const LedgerRun& run = state.runs.at("run");
  EXPECT_EQ(run.commands.size(), 1U);
  EXPECT_EQ(run.outcomes.size(), 1U);
  EXPECT_NE(run.outcome_of(7), nullptr);
  EXPECT_EQ(state.next_number, 8U);
  EXPECT_EQ(state.next_order, 4U);
}

}  // namespace
}  // namespace charter::supervisor
