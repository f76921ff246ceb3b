#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/peer.h"
#include "log_scratch.h"

namespace charter::ipc {
namespace {

using Outcome = LogReader::Outcome;

constexpr std::int64_t kWriterTimeoutMs = 30'000;

class LogTail : public LogScratch {};

// The writer is killed in the middle of its work again and again; what it said was written is
// there each time.
TEST_F(LogTail, a_killed_writer_loses_nothing_it_counted) {
  const UniqueFd fd = new_log();
  std::uint64_t end = kLogHeaderSize;
  std::size_t frames = 0;
  for (int round = 0; round < 20; ++round) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    const UniqueFd reading(ends[0]);
    UniqueFd writing(ends[1]);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto writer = LogWriter::open(fd.get(), end);
      const std::vector<std::string> batch = {payload(3, 1), payload(700, 2), payload(1, 3)};
      while (writer && writer->append(batch)) {
        const std::uint64_t done = writer->end();
        if (::write(writing.get(), &done, sizeof done) != sizeof done) break;
      }
      ::_exit(1);
    }
    writing.reset();
    std::uint64_t counted = end;
    for (int batch = 0; batch < 5 + round; ++batch) {
      ASSERT_EQ(::read(reading.get(), &counted, sizeof counted),
                static_cast<ssize_t>(sizeof counted));
    }
    ASSERT_EQ(::kill(child, SIGKILL), 0);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    for (std::uint64_t more = 0; ::read(reading.get(), &more, sizeof more) > 0;) counted = more;
    const Found found = read_to_end(fd.get());
    EXPECT_EQ(found.damages, 0);
    EXPECT_GE(found.end, counted);
    EXPECT_GE(found.payloads.size(), frames);
    frames = found.payloads.size();
    end = found.end;
  }
}

// The supervisor reads while the engine writes: half a frame is never taken for damage.
TEST_F(LogTail, a_reader_follows_a_writer_without_ever_seeing_damage) {
  const UniqueFd fd = new_log();
  constexpr unsigned kBatches = 3000;
  const auto words = [](unsigned number) { return 1 + (number * 7919U) % 3000; };
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    auto writer = LogWriter::open(fd.get(), kLogHeaderSize);
    for (unsigned batch = 0; writer && batch < kBatches; ++batch) {
      const std::vector<std::string> two = {std::string(8 * words(2 * batch), 'a'),
                                            std::string(8 * words(2 * batch + 1), 'b')};
      if (!writer->append(two)) ::_exit(1);
    }
    ::_exit(0);
  }
  const UniqueFd other(::open(path("log").c_str(), O_RDONLY | O_CLOEXEC));
  LogReader reader(other.get());
  unsigned frames = 0;
  const std::int64_t give_up = boot_ms() + kWriterTimeoutMs;
  while (frames < 2 * kBatches && boot_ms() < give_up) {
    const auto next = reader.next();
    ASSERT_TRUE(next) << next.error().message();
    ASSERT_NE(next->outcome, Outcome::damaged) << frames;
    if (next->outcome == Outcome::end) continue;
    ASSERT_EQ(next->payload.size(), 8 * words(frames));
    ++frames;
  }
  EXPECT_EQ(frames, 2 * kBatches);
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace charter::ipc
