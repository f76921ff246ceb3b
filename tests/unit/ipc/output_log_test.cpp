// What steps print, kept in two segments: what is read back, what is dropped, and what damage does.
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <memory>

#include "ipc/output_log.h"
#include "ipc/output_reader.h"
#include "scratch.h"

namespace charter::ipc {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class OutputLogTest : public Scratch {
 protected:
  OutputLogTest() { EXPECT_TRUE(layout().create()); }
  Layout& layout() {
    if (!layout_) layout_ = std::make_unique<Layout>(path("p"), path("p/data"));
    if (!made_) std::filesystem::create_directories(path("p"));
    made_ = true;
    return *layout_;
  }
  static OutputPiece piece(std::string bytes, std::string step = "s") {
    return {7, 0, std::move(step), 2, OutputStream::err, "", std::move(bytes)};
  }
  // Everything a reader has to say by now: texts, and "<n>" for n bytes that are missing.
  static std::vector<std::string> rest_of(OutputReader& reader) {
    std::vector<std::string> said;
    for (;;) {
      auto next = reader.next();
      if (!next) {
        ADD_FAILURE() << next.error().message();
        return said;
      }
      if (std::holds_alternative<std::monostate>(*next)) return said;
      if (const auto* gap = std::get_if<OutputGap>(&*next)) {
        said.push_back("<" + std::to_string(gap->bytes) + ">");
      } else {
        said.push_back(std::get<OutputPiece>(*next).bytes);
      }
    }
  }
  std::vector<std::string> all_of(const std::string& run) {
    OutputReader reader(layout(), run);
    return rest_of(reader);
  }
  std::uint64_t size_of(unsigned which) {
    struct stat info {};
    return ::stat(layout().output_segment("r", which).c_str(), &info) == 0
               ? static_cast<std::uint64_t>(info.st_size)
               : 0;
  }
  void append_raw(unsigned which, const std::string& bytes) {
    std::ofstream(layout().output_segment("r", which), std::ios::binary | std::ios::app) << bytes;
  }

 private:
  std::unique_ptr<Layout> layout_;
  bool made_ = false;
};

TEST_F(OutputLogTest, KeepsEverythingAPieceSays) {
  OutputLog log(layout(), "r", kLeastOutputBytes);
  log.append({1234567, 99, "build", 3, OutputStream::integration, "pg", std::string("a\0b", 3)});
  log.append({2345678, 99, "", 0, OutputStream::out, "", "more"});
  OutputReader reader(layout(), "r");
  const auto first = reader.next();
  ASSERT_TRUE(first);
  const auto& piece = std::get<OutputPiece>(*first);
  EXPECT_EQ(piece.at_us, 1234567);
  EXPECT_EQ(piece.position, 0U);
  EXPECT_EQ(piece.step_id, "build");
  EXPECT_EQ(piece.attempt, 3U);
  EXPECT_EQ(piece.stream, OutputStream::integration);
  EXPECT_EQ(piece.source, "pg");
  EXPECT_EQ(piece.bytes, std::string("a\0b", 3));
  EXPECT_EQ(std::get<OutputPiece>(*reader.next()).position, 3U);
}

TEST_F(OutputLogTest, MakesNoFileBeforeTheFirstByte) {
  OutputLog log(layout(), "r", kLeastOutputBytes);
  log.append(piece(""));
  EXPECT_TRUE(std::filesystem::is_empty(layout().journals_dir()));
  log.append(piece("x"));
  struct stat info {};
  ASSERT_EQ(::stat(layout().output_segment("r", 0).c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST_F(OutputLogTest, NeverKeepsMoreThanItMayAndSaysWhatIsMissing) {
  OutputLog log(layout(), "r", kLeastOutputBytes);
  std::string printed;
  for (int i = 0; i < 500; ++i) {
    const std::string bytes(static_cast<std::size_t>(i * 37 % 5000 + 1), char('a' + i % 26));
    printed += bytes;
    log.append(piece(bytes));
    ASSERT_LE(size_of(0) + size_of(1), kLeastOutputBytes) << i;
  }
  auto said = all_of("r");
  ASSERT_FALSE(said.empty());
  ASSERT_EQ(said.front().front(), '<');
  const std::size_t missing = std::stoul(said.front().substr(1));
  std::string kept;
  for (std::size_t i = 1; i < said.size(); ++i) kept += said[i];
  EXPECT_GT(kept.size(), kLeastOutputBytes / 3) << "one segment at least is nearly full";
  EXPECT_EQ(printed.substr(missing), kept) << "what is kept is the newest, without a gap";
}

TEST_F(OutputLogTest, LargeAndLongNamedPiecesAreCutOrLeftOut) {
  OutputLog log(layout(), "r", kLeastOutputBytes);
  const std::string large(100'000, 'x');
  log.append(piece(large));
  std::string kept;
  for (const std::string& one : all_of("r")) kept += one;
  EXPECT_EQ(kept, large);
  log.append(piece("lost", std::string(100'000, 'n')));
  log.append(piece("after"));
  EXPECT_THAT(all_of("r").back(), "after");
  EXPECT_LE(size_of(0) + size_of(1), kLeastOutputBytes);
}

// A reader that is fast enough sees every byte once, over any number of segments.
TEST_F(OutputLogTest, ReaderFollowsFromSegmentToSegment) {
  OutputLog log(layout(), "r", kLeastOutputBytes);
  OutputReader reader(layout(), "r");
  EXPECT_THAT(rest_of(reader), ElementsAre());
  std::string printed;
  std::string read;
  for (int i = 0; i < 300; ++i) {
    const std::string bytes = std::string(4000, 'x') + std::to_string(i);
    printed += bytes;
    log.append(piece(bytes));
    if (i % 3 == 0) {
      for (const std::string& one : rest_of(reader)) read += one;
    }
  }
  for (const std::string& one : rest_of(reader)) read += one;
  EXPECT_EQ(read == printed, true) << read.size() << " of " << printed.size();
}

// One that is too slow learns how much it has missed.
TEST_F(OutputLogTest, SlowReaderIsToldOfTheGap) {
  OutputLog log(layout(), "r", kLeastOutputBytes);
  OutputReader reader(layout(), "r");
  log.append(piece("begin"));
  EXPECT_THAT(rest_of(reader), ElementsAre("begin"));
  std::size_t printed = 5;
  for (int i = 0; i < 300; ++i) {
    log.append(piece(std::string(5000, 'x')));
    printed += 5000;
  }
  std::size_t seen = 5;
  int gaps = 0;
  for (const std::string& one : rest_of(reader)) {
    gaps += one.front() == '<' ? 1 : 0;
    seen += one.front() == '<' ? std::stoul(one.substr(1)) : one.size();
  }
  EXPECT_EQ(gaps, 1);
  EXPECT_EQ(seen, printed);
}

// The next burst is another process.
TEST_F(OutputLogTest, GoesOnBehindAnEarlierBurst) {
  for (int burst = 0; burst < 40; ++burst) {
    OutputLog log(layout(), "r", kLeastOutputBytes);
    log.append(piece(std::string(9000, char('A' + burst))));
  }
  const auto said = all_of("r");
  std::size_t all = std::stoul(said.front().substr(1));
  for (std::size_t i = 1; i < said.size(); ++i) {
    EXPECT_EQ(said[i].front() + 0, said[1].front() + static_cast<int>(i) - 1) << "in order";
    all += said[i].size();
  }
  EXPECT_EQ(all, 40U * 9000);
}

// While it exists, this process can open nothing.
class NoDescriptors {
 public:
  NoDescriptors() {
    EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before_), 0);
    const rlimit none{0, before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoDescriptors() { EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &before_), 0); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

// An earlier burst's segments cannot be opened when the next one prints for the first time.
TEST_F(OutputLogTest, SegmentsThatCannotBeOpenedForAWhileAreNotReplaced) {
  {
    OutputLog log(layout(), "r", kLeastOutputBytes);
    for (int i = 0; i < 20; ++i) log.append(piece(std::string(9000, char('A' + i))));
  }
  auto said = all_of("r");
  ASSERT_GT(size_of(1), 0U) << "both segments are used";
  OutputLog log(layout(), "r", kLeastOutputBytes);
  {
    const NoDescriptors none;
    log.append(piece("not kept"));
  }
  log.append(piece("kept"));
  said.insert(said.end(), {"<8>", "kept"});
  EXPECT_TRUE(all_of("r") == said) << "they are long";
}

TEST_F(OutputLogTest, TornRecordHindersNeitherReadingNorGoingOn) {
  {
    OutputLog log(layout(), "r", kLeastOutputBytes);
    log.append(piece("whole"));
    log.append(piece("torn by a crash"));
  }
  std::filesystem::resize_file(layout().output_segment("r", 0), size_of(0) - 9);
  EXPECT_THAT(all_of("r"), ElementsAre("whole"));
  OutputLog log(layout(), "r", kLeastOutputBytes);
  log.append(piece("next burst"));
  EXPECT_THAT(all_of("r"), ElementsAre("whole", "next burst"));
}

TEST_F(OutputLogTest, GarbageIsSteppedOver) {
  {
    OutputLog log(layout(), "r", kLeastOutputBytes);
    log.append(piece("one"));
  }
  append_raw(0, std::string(41, '\x1e') + "garbage");
  EXPECT_THAT(all_of("r"), ElementsAre("one"));
  {
    OutputLog log(layout(), "r", kLeastOutputBytes);
    log.append(piece("two"));
    log.append(piece("three"));
  }
  // In the middle: the byte behind the first frame's header and payload begins.
  std::fstream file(layout().output_segment("r", 0),
                    std::ios::in | std::ios::out | std::ios::binary);
  std::string bytes((std::istreambuf_iterator<char>(file)), {});
  const std::size_t at = bytes.find("two");
  ASSERT_NE(at, std::string::npos);
  file.clear();
  file.seekp(static_cast<std::streamoff>(at));
  file << "XXX";
  file.close();
  EXPECT_THAT(all_of("r"), ElementsAre("one", "<3>", "three"));
}

TEST_F(OutputLogTest, AnotherReaderGoesOnAtAPlace) {
  OutputLog log(layout(), "r", kLeastOutputBytes);
  log.append(piece("one"));
  OutputReader first(layout(), "r");
  EXPECT_THAT(rest_of(first), ElementsAre("one"));
  log.append(piece("two"));
  OutputReader second(layout(), "r", first.place());
  EXPECT_THAT(rest_of(second), ElementsAre("two"));
  EXPECT_EQ(second.place().position, 6U);
  OutputReader third(layout(), "r", second.place());
  EXPECT_THAT(rest_of(third), ElementsAre());
  log.append(piece("three"));
  EXPECT_THAT(rest_of(third), ElementsAre("three"));
}

// The place's segment goes, and with it what nobody has read of it.
TEST_F(OutputLogTest, APlaceInADroppedSegmentIsAGap) {
  OutputLog log(layout(), "r", kLeastOutputBytes);
  log.append(piece("first"));
  OutputReader first(layout(), "r");
  (void)rest_of(first);
  const std::string large(30'000, 'x');
  for (int count = 0; count < 12; ++count) log.append(piece(large));
  OutputReader reader(layout(), "r", first.place());
  const auto said = rest_of(reader);
  ASSERT_GE(said.size(), 2U);
  std::uint64_t kept = 0;
  for (std::size_t at = 1; at < said.size(); ++at) kept += said[at].size();
  EXPECT_EQ(said[0], "<" + std::to_string(12 * large.size() - kept) + ">");
  EXPECT_EQ(reader.place().position, 5 + 12 * large.size());
}

// Places come from a peer: none does harm.
TEST_F(OutputLogTest, APlaceThatNeverWasIsNoHarm) {
  OutputLog log(layout(), "r", kLeastOutputBytes);
  log.append(piece("one"));
  log.append(piece("two"));
  for (const OutputPlace& place : {OutputPlace{0, 0, 1}, OutputPlace{0, 0, 1U << 30}}) {
    OutputReader reader(layout(), "r", place);
    EXPECT_THAT(rest_of(reader), ElementsAre("one", "two")) << place.offset;
  }
  OutputReader nowhere(layout(), "r", {99, 98, 97});
  EXPECT_THAT(rest_of(nowhere), ElementsAre());
  OutputReader within(layout(), "r", {3, 0, kLogHeaderSize + 8});
  EXPECT_THAT(rest_of(within), ElementsAre("two")) << "in the middle of a frame";
}

TEST_F(OutputLogTest, TheTailIsAboutTheLastBytes) {
  EXPECT_EQ(output_tail(layout(), "r", 100)->offset, 0U) << "nothing is there";
  OutputLog log(layout(), "r", kLeastOutputBytes);
  const auto tail = [&](std::uint64_t bytes) {
    const auto place = output_tail(layout(), "r", bytes);
    EXPECT_TRUE(place);
    OutputReader reader(layout(), "r", *place);
    auto said = rest_of(reader);
    if (!said.empty() && said.front().starts_with('<')) said.erase(said.begin());
    return said;
  };
  for (int count = 0; count < 10; ++count)
    log.append(piece(std::string(1000, static_cast<char>('a' + count))));
  EXPECT_EQ(tail(1 << 20).size(), 10U);
  const auto some = tail(3000);
  ASSERT_THAT(some.size(), ::testing::AllOf(::testing::Ge(2U), ::testing::Le(3U)));
  EXPECT_EQ(some.back(), std::string(1000, 'j'));
  // Into the segment before the newest.
  const std::uint64_t before = 12;
  for (std::uint64_t count = 0; count < before; ++count)
    log.append(piece(std::string(30'000, 'k')));
  ASSERT_GT(size_of(0), 0U);
  ASSERT_GT(size_of(1), 0U);
  const std::uint64_t all = all_of("r").size();
  EXPECT_EQ(tail(1 << 20).size() + 1, all) << "and what is missing before";
  EXPECT_THAT(tail(size_of(0) + size_of(1) - 60'000).size(),
              ::testing::AllOf(::testing::Ge(all - 4), ::testing::Lt(all - 1)));
}

// Bytes are counted of what was printed, not of the file, whose frames take more than a short line.
TEST_F(OutputLogTest, AShortTailIsWholePiecesAtTheirTruePosition) {
  OutputLog log(layout(), "r", kLeastOutputBytes);
  const auto tail = [&](std::uint64_t bytes) {
    const auto place = output_tail(layout(), "r", bytes);
    EXPECT_TRUE(place);
    OutputReader reader(layout(), "r", *place);
    std::string said = std::to_string(place->position) + ":";
    for (const std::string& text : rest_of(reader)) said += text + "|";
    EXPECT_EQ(reader.place().position, 11U + 5001) << bytes;
    OutputReader behind(layout(), "r", reader.place());
    EXPECT_THAT(rest_of(behind), ElementsAre()) << bytes;
    return said;
  };
  const std::string large(5001, 'x');
  log.append(piece("first"));
  log.append(piece(large));
  log.append(piece("later\n"));
  EXPECT_EQ(tail(1), "5006:later\n|");
  EXPECT_EQ(tail(6), "5006:later\n|");
  EXPECT_EQ(tail(7), "5:" + large + "|later\n|");
  EXPECT_EQ(tail(5007), "5:" + large + "|later\n|");
  EXPECT_EQ(tail(5008), "0:first|" + large + "|later\n|");
  EXPECT_EQ(tail(~std::uint64_t{0}), "0:first|" + large + "|later\n|");
}

// What takes the most room of a file for the least output.
TEST_F(OutputLogTest, TheTailOfManyTinyPiecesIsAsLongAsWasAsked) {
  OutputLog log(layout(), "r", 4 * kLeastOutputBytes);
  for (int count = 0; count < 5000; ++count) log.append(piece("x"));
  for (const std::uint64_t bytes : {1U, 100U, 3000U, 4999U}) {
    const auto place = output_tail(layout(), "r", bytes);
    ASSERT_TRUE(place);
    EXPECT_EQ(place->position, 5000 - bytes);
    OutputReader reader(layout(), "r", *place);
    EXPECT_EQ(rest_of(reader).size(), bytes);
  }
}

// The end that can be read counts, and pieces that cannot be are in no place.
TEST_F(OutputLogTest, TheTailOfADamagedLogHasItsTruePosition) {
  OutputLog log(layout(), "r", kLeastOutputBytes);
  for (const char* text : {"one", "two", "three"}) log.append(piece(text));
  std::fstream file(layout().output_segment("r", 0),
                    std::ios::in | std::ios::out | std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(file)), {});
  file.clear();
  file.seekp(static_cast<std::streamoff>(bytes.find("two")));
  file << "XXX";
  file.close();
  for (const std::uint64_t wanted : {2U, 5U, 7U}) {
    const auto place = output_tail(layout(), "r", wanted);
    ASSERT_TRUE(place);
    EXPECT_EQ(place->position, 6U) << wanted;
    OutputReader reader(layout(), "r", *place);
    EXPECT_THAT(rest_of(reader), ElementsAre("three")) << wanted;
  }
  EXPECT_EQ(output_tail(layout(), "r", 9)->position, 0U);
}

TEST_F(OutputLogTest, WhatIsNoSegmentIsPassedOverOrRefused) {
  append_raw(0, "");                     // made, and its header never written
  append_raw(1, std::string(64, '\0'));  // what a loss of power leaves
  EXPECT_THAT(all_of("r"), ElementsAre());
  {
    OutputLog log(layout(), "r", kLeastOutputBytes);
    log.append(piece("fresh"));
  }
  EXPECT_THAT(all_of("r"), ElementsAre("fresh"));
  std::filesystem::remove(layout().output_segment("r", 1));
  append_raw(1, std::string(200, 'x'));
  OutputReader reader(layout(), "r");
  const auto next = reader.next();
  ASSERT_FALSE(next);
  EXPECT_THAT(next.error().message(), HasSubstr("not a log of charter-daemon"));
}

TEST_F(OutputLogTest, LinksAreNotFollowed) {
  const std::string other = path("other");
  std::ofstream(other) << "precious";
  std::filesystem::create_symlink(other, layout().output_segment("r", 0));
  std::filesystem::create_symlink(other, layout().output_draft("r"));
  OutputLog log(layout(), "r", kLeastOutputBytes);
  log.append(piece("x"));
  std::ifstream file(other);
  EXPECT_EQ(std::string((std::istreambuf_iterator<char>(file)), {}), "precious");
}

TEST(OutputPiece, OfAnUnknownStreamIsAnError) {
  std::string bytes = encode(OutputPiece{1, 2, "s", 1, OutputStream(9), "", "x"});
  EXPECT_FALSE(decode_output_piece(bytes));
  EXPECT_FALSE(decode_output_piece(std::string(16, '\xff')));
}

}  // namespace
}  // namespace charter::ipc
