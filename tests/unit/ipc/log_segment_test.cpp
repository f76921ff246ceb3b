#include "ipc/log_segment.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "log_scratch.h"

namespace charter::ipc {
namespace {

using ::testing::HasSubstr;
using Outcome = LogReader::Outcome;

class LogSegment : public LogScratch {
 protected:
  // A log of a few small frames, as bytes, and where each frame ends.
  struct Sample {
    std::string bytes;
    std::vector<std::string> payloads;
    std::vector<std::size_t> ends;
  };
  Sample sample() {
    Sample made;
    made.payloads = {payload(3, 1), payload(1, 2), payload(9, 3), payload(2, 4)};
    const UniqueFd fd = new_log();
    append(fd.get(), made.payloads);
    std::size_t end = kLogHeaderSize;
    for (const auto& one : made.payloads) made.ends.push_back(end += 16 + one.size());
    made.bytes = read_file(path("log"));
    EXPECT_EQ(made.bytes.size(), end);
    return made;
  }
};

TEST(Crc32c, is_that_of_rfc_3720) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43U);
  std::string ascending;
  for (int i = 0; i < 32; ++i) ascending += static_cast<char>(i);
  EXPECT_EQ(crc32c(ascending), 0x46DD794EU);
  EXPECT_EQ(crc32c(""), 0U);
}

TEST(Crc32c, is_the_same_by_table_and_in_pieces) {
  const std::string bytes = payload(200, 7);
  for (std::size_t size = 0; size < 80; ++size) {
    const std::string_view part = std::string_view(bytes).substr(size, size);
    EXPECT_EQ(crc32c(part), crc32c_by_table(part)) << size;
  }
  for (std::size_t cut = 0; cut < bytes.size(); cut += 13) {
    const std::string_view all = bytes;
    EXPECT_EQ(crc32c(all.substr(cut), crc32c(all.substr(0, cut))), crc32c(all));
    EXPECT_EQ(crc32c_by_table(all.substr(cut), crc32c(all.substr(0, cut))), crc32c(all));
  }
}

TEST_F(LogSegment, gives_back_what_was_appended) {
  const UniqueFd fd = new_log();
  std::vector<std::string> payloads;
  for (unsigned i = 0; i < 3000; ++i) payloads.push_back(payload(1 + i % 50, i));
  append(fd.get(), payloads);
  const Found found = read_to_end(fd.get());
  EXPECT_EQ(found.payloads, payloads);
  EXPECT_EQ(found.damages, 0);
}

TEST_F(LogSegment, carries_large_frames_between_small_ones) {
  const UniqueFd fd = new_log();
  const std::vector<std::string> payloads = {
      payload(1, 1),    payload(1U << 20, 2), payload(2, 3), payload(1U << 18, 4),
      payload(8191, 5), payload(8190, 6),     payload(3, 7)};
  append(fd.get(), payloads);
  EXPECT_EQ(read_to_end(fd.get()).payloads, payloads);
}

TEST_F(LogSegment, shows_a_waiting_reader_what_is_appended_later) {
  const UniqueFd fd = new_log();
  auto writer = LogWriter::open(fd.get(), kLogHeaderSize);
  ASSERT_TRUE(writer);
  const UniqueFd other(::open(path("log").c_str(), O_RDONLY | O_CLOEXEC));
  LogReader reader(other.get());
  for (unsigned i = 0; i < 200; ++i) {
    EXPECT_EQ(reader.next()->outcome, Outcome::end);
    const std::vector<std::string> one = {payload(1 + i, i)};
    ASSERT_TRUE(writer->append(one));
    const auto next = reader.next();
    ASSERT_TRUE(next);
    ASSERT_EQ(next->outcome, Outcome::frame);
    EXPECT_EQ(next->payload, one[0]);
    EXPECT_EQ(next->place.end, writer->end());
    EXPECT_EQ(reader.offset(), writer->end());
  }
}

TEST_F(LogSegment, truncated_at_every_byte_keeps_every_whole_frame) {
  const Sample made = sample();
  for (std::size_t size = kLogHeaderSize; size <= made.bytes.size(); ++size) {
    const UniqueFd fd = file_with(made.bytes.substr(0, size));
    std::size_t whole = 0;
    while (whole < made.ends.size() && made.ends[whole] <= size) ++whole;
    const Found found = read_to_end(fd.get());
    EXPECT_EQ(found.damages, 0) << size;
    EXPECT_EQ(found.payloads,
              std::vector<std::string>(made.payloads.begin(), made.payloads.begin() + whole))
        << size;
    // And it can be written on behind them.
    const std::uint64_t end = whole == 0 ? kLogHeaderSize : made.ends[whole - 1];
    auto writer = LogWriter::open(fd.get(), end);
    ASSERT_TRUE(writer);
    ASSERT_TRUE(writer->append(std::vector<std::string>{made.payloads[2]}));
    EXPECT_EQ(read_to_end(fd.get()).payloads.size(), whole + 1) << size;
  }
}

TEST_F(LogSegment, a_flipped_bit_anywhere_costs_only_the_frame_it_is_in) {
  const Sample made = sample();
  for (std::size_t at = kLogHeaderSize; at < made.bytes.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string bytes = made.bytes;
      bytes[at] = static_cast<char>(bytes[at] ^ (1 << bit));
      const UniqueFd fd = file_with(bytes);
      std::size_t hit = 0;
      while (made.ends[hit] <= at) ++hit;
      std::vector<std::string> expected = made.payloads;
      expected.erase(expected.begin() + static_cast<std::ptrdiff_t>(hit));
      const Found found = read_to_end(fd.get());
      EXPECT_EQ(found.payloads, expected) << at << "." << bit;
      // Damage at the very end cannot be told from a torn tail.
      EXPECT_EQ(found.damages, hit + 1 < made.ends.size() ? 1 : 0) << at << "." << bit;
    }
  }
}

TEST_F(LogSegment, zeros_in_the_middle_are_damage_and_at_the_end_a_tail) {
  const Sample made = sample();
  std::string hole = made.bytes;
  for (std::size_t at = made.ends[0]; at < made.ends[2]; ++at) hole[at] = '\0';
  write_file(path("hole"), hole);
  UniqueFd fd(::open(path("hole").c_str(), O_RDONLY | O_CLOEXEC));
  LogReader reader(fd.get());
  EXPECT_EQ(reader.next()->outcome, Outcome::frame);
  const auto damage = reader.next();
  ASSERT_EQ(damage->outcome, Outcome::damaged);
  EXPECT_EQ(damage->place.offset, made.ends[0]);
  EXPECT_EQ(damage->place.end, made.ends[2]);
  EXPECT_FALSE(damage->hole) << "no sector of it is empty";
  EXPECT_EQ(reader.next()->payload, made.payloads[3]);
  EXPECT_EQ(reader.next()->outcome, Outcome::end);

  write_file(path("hole"), made.bytes + std::string(5000, '\0'));
  fd.reset(::open(path("hole").c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(read_to_end(fd.get()).damages, 0);
  EXPECT_EQ(read_to_end(fd.get()).end, made.bytes.size());
}

TEST_F(LogSegment, tells_of_damage_whether_a_sector_was_never_written) {
  const UniqueFd fd = new_log();
  append(fd.get(), {payload(3, 1), payload(400, 2), payload(9, 3)});
  const std::string whole = read_file(path("log"));
  const auto damage_with = [&](std::size_t from, std::size_t size) {
    std::string bytes = whole;
    bytes.replace(from, size, std::string(size, '\0'));
    write_file(path("hole"), bytes);
    const UniqueFd hole(::open(path("hole").c_str(), O_RDONLY | O_CLOEXEC));
    LogReader reader(hole.get());
    EXPECT_EQ(reader.next()->outcome, Outcome::frame);
    const auto next = reader.next();
    EXPECT_EQ(next->outcome, Outcome::damaged);
    return next->hole;
  };
  const std::size_t second = kLogHeaderSize + 16 + payload(3, 1).size();
  EXPECT_TRUE(damage_with(1024, 512));
  EXPECT_TRUE(damage_with(1024, 1024));
  EXPECT_TRUE(damage_with(second, 512 - second)) << "of the first sector all that was new";
  EXPECT_FALSE(damage_with(1025, 511));
  EXPECT_FALSE(damage_with(1024, 511));
}

TEST_F(LogSegment, zeros_in_place_of_a_header_were_never_synced) {
  for (const std::size_t size : {1U, 63U, 64U, 5000U}) {
    write_file(path("blank"), std::string(size, '\0'));
    const UniqueFd fd(::open(path("blank").c_str(), O_RDONLY | O_CLOEXEC));
    const auto checked = check_log_header(fd.get(), LogKind::journal);
    ASSERT_FALSE(checked) << size;
    EXPECT_EQ(checked.error().code, std::errc::no_message_available) << size;
  }
}

// A step's output must not be able to forge frames behind damage.
TEST_F(LogSegment, takes_nothing_inside_a_damaged_payload_for_a_frame) {
  const Sample made = sample();
  const UniqueFd fd = new_log();
  std::string carrier = made.bytes.substr(kLogHeaderSize);  // whole frames as a payload
  append(fd.get(), {carrier, payload(2, 9)});
  std::string bytes = read_file(path("log"));
  bytes[bytes.size() - 16 - 16 - 1] ^= 1;  // the carrier's last byte
  write_file(path("log"), bytes);
  const Found found = read_to_end(fd.get());
  EXPECT_EQ(found.damages, 1);
  EXPECT_EQ(found.payloads, std::vector<std::string>{payload(2, 9)});
}

// A frame whose header has arrived before its payload is not damage, whatever the payload holds.
TEST_F(LogSegment, a_frame_still_being_written_is_the_tail) {
  const Sample made = sample();
  const UniqueFd fd = new_log();
  append(fd.get(), {made.bytes.substr(kLogHeaderSize)});
  const auto size = static_cast<off_t>(read_file(path("log")).size());
  ASSERT_EQ(::ftruncate(fd.get(), size - 8), 0);
  const Found found = read_to_end(fd.get());
  EXPECT_TRUE(found.payloads.empty());
  EXPECT_EQ(found.damages, 0);
}

TEST_F(LogSegment, a_waiting_reader_forgets_a_tail_that_was_cut_off) {
  const UniqueFd fd = new_log();
  append(fd.get(), {payload(4, 1)});
  const std::uint64_t end = static_cast<std::uint64_t>(::lseek(fd.get(), 0, SEEK_END));
  append(fd.get(), {payload(100, 2)});
  ASSERT_EQ(::ftruncate(fd.get(), static_cast<off_t>(end + 100)), 0);
  LogReader reader(fd.get());
  EXPECT_EQ(reader.next()->outcome, Outcome::frame);
  EXPECT_EQ(reader.next()->outcome, Outcome::end);
  auto writer = LogWriter::open(fd.get(), end);
  ASSERT_TRUE(writer->append(std::vector<std::string>{payload(50, 3)}));
  EXPECT_EQ(reader.next()->payload, payload(50, 3));
}

TEST_F(LogSegment, a_reader_notices_that_the_log_became_shorter_than_it_read) {
  const UniqueFd fd = new_log();
  append(fd.get(), {payload(4, 1)});
  LogReader reader(fd.get());
  EXPECT_EQ(reader.next()->outcome, Outcome::frame);
  ASSERT_EQ(::ftruncate(fd.get(), kLogHeaderSize), 0);
  EXPECT_FALSE(reader.next());
}

TEST_F(LogSegment, a_failed_append_leaves_the_file_as_it_was) {
  const UniqueFd fd = new_log();
  auto writer = LogWriter::open(fd.get(), kLogHeaderSize);
  ASSERT_TRUE(writer->append(std::vector<std::string>{payload(4, 1)}));
  const std::string before = read_file(path("log"));

  // A file size limit makes a write stop in the middle, as a full disk does.
  const auto old_action = ::signal(SIGXFSZ, SIG_IGN);
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const rlimit tight{before.size() + 4096, old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const auto failed =
      writer->append(std::vector<std::string>{payload(16, 2), payload(1U << 16, 3)});
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  ::signal(SIGXFSZ, old_action);

  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, std::errc::file_too_large);
  EXPECT_EQ(read_file(path("log")), before);
  EXPECT_EQ(writer->end(), before.size());
  EXPECT_FALSE(writer->sealed());
  ASSERT_TRUE(writer->append(std::vector<std::string>{payload(5, 4)}));
  EXPECT_EQ(read_to_end(fd.get()).payloads,
            (std::vector<std::string>{payload(4, 1), payload(5, 4)}));
}

TEST_F(LogSegment, a_writer_that_cannot_sync_is_sealed) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd reading(ends[0]);
  const UniqueFd fd = new_log();
  auto writer = LogWriter::open(fd.get(), kLogHeaderSize);
  ASSERT_TRUE(writer);
  EXPECT_TRUE(writer->sync());
  ASSERT_GE(::dup2(ends[1], fd.get()), 0);  // a pipe cannot be synced
  const UniqueFd writing(ends[1]);
  EXPECT_FALSE(writer->sync());
  EXPECT_TRUE(writer->sealed());
  EXPECT_FALSE(writer->append(std::vector<std::string>{payload(1, 1)}));
  EXPECT_FALSE(writer->sync());
}

TEST_F(LogSegment, refuses_payloads_that_are_no_frames) {
  const UniqueFd fd = new_log();
  auto writer = LogWriter::open(fd.get(), kLogHeaderSize);
  EXPECT_FALSE(writer->append(std::vector<std::string>{""}));
  EXPECT_FALSE(writer->append(std::vector<std::string>{"1234567"}));
  EXPECT_FALSE(writer->append(std::vector<std::string>{payload(1, 1), "123"}));
  EXPECT_EQ(writer->end(), kLogHeaderSize);
  EXPECT_EQ(read_file(path("log")).size(), kLogHeaderSize);
}

TEST_F(LogSegment, refuses_to_go_on_behind_the_end_of_the_file) {
  const UniqueFd fd = new_log();
  EXPECT_FALSE(LogWriter::open(fd.get(), kLogHeaderSize + 8));
  EXPECT_FALSE(LogWriter::open(fd.get(), 0));
}

TEST_F(LogSegment, checks_the_files_header) {
  const UniqueFd fd = new_log(LogKind::ledger);
  EXPECT_TRUE(check_log_header(fd.get(), LogKind::ledger));
  EXPECT_FALSE(check_log_header(fd.get(), LogKind::journal));

  const std::uint32_t version = 77;
  ASSERT_EQ(::pwrite(fd.get(), &version, sizeof version, 8), 4);
  EXPECT_THAT(check_log_header(fd.get(), LogKind::ledger).error().message(),
              testing::AllOf(HasSubstr("version 77"), HasSubstr("version 1")));

  write_file(path("other"), std::string(100, 'x'));
  const UniqueFd other(::open(path("other").c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(check_log_header(other.get(), LogKind::ledger));

  write_file(path("short"), "CHARTLOG");
  const UniqueFd cut(::open(path("short").c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_EQ(check_log_header(cut.get(), LogKind::ledger).error().code,
            std::errc::no_message_available);
}

}  // namespace
}  // namespace charter::ipc
