#include "worker/replay.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>

#include "ipc/codec.h"

namespace charter::worker {
namespace {

// A journal of one intent, then `payload`, then another intent.
ipc::Result<Replay> replay_with(const std::string& payload) {
  const ipc::UniqueFd file(::memfd_create("journal", MFD_CLOEXEC));
  EXPECT_TRUE(ipc::write_log_header(file.get(), ipc::LogKind::journal));
  auto writer = ipc::LogWriter::open(file.get(), ipc::kLogHeaderSize);
  const std::string intent = ipc::encode(ipc::JournalFrame{1, ipc::Intent{"a", 1, "shell"}});
  EXPECT_TRUE(writer && writer->append(std::vector<std::string>{intent, payload, intent}));
  auto replay = replay_journal(file.get());
  if (replay) {
    EXPECT_EQ(replay->summary.end, writer->end()) << "writing goes on behind it";
  }
  return replay;
}

TEST(Replay, SkipsAFrameOfAnUnknownKind) {
  constexpr std::size_t kMember = 24;  // the number of the union's member
  std::string later = ipc::encode(ipc::JournalFrame{1, ipc::Intent{"a", 1, "shell"}});
  later[kMember] = 99;
  const auto replay = replay_with(later);
  ASSERT_TRUE(replay);
  EXPECT_FALSE(replay->summary.damaged);
}

TEST(Replay, TakesAFrameThatCannotBeDecodedForDamage) {
  const auto replay = replay_with(std::string(64, '\xff'));
  ASSERT_TRUE(replay);
  EXPECT_TRUE(replay->summary.damaged);
}

}  // namespace
}  // namespace charter::worker
