#include "ipc/codec.h"

#include <gtest/gtest.h>

#include <random>

namespace charter::ipc {
namespace {

// One frame of every kind, every field set to something that is not its default.
std::vector<JournalFrame> every_frame() {
  return {
      {1, Opened{"r", 2, "resume", 33, 44, "boot", "c1", "{\"a\":1}", 55, true}},
      {2, Event{"r", 7, "StepStartEvent", "s", 3, true, "{\"kind\":\"StepStartEvent\"}", -9}},
      {3, Intent{"s", 2, "shell"}},
      {4, StepProcess{"s", 2, 4321, 987654321}},
      {5, Checkpoint{"s", "{\"out\":1}", "s.blob", 1U << 30}},
      {6, Pause{4, "gate", 123, -5, 678, 0xFFFFFFFFFFFFFFFFU}},
      {7,
       Exit{
           "signal", 11, 3, 1000, 250, {{1, "sleep", "other uid"}, {2, "", "x"}}, true, 9, 10, 11}},
      {-8, Terminal{"failed", "worker died", {{9, "name with \" and \n", "reason"}}}},
  };
}

std::vector<LedgerRecord> every_record() {
  return {
      {1, Place{1, 22, "machine", "uuid"}},
      {2, Accepted{"r", 3, "w", "/p/plan.yml", "2026-01-02T03:04:05Z", "{}", "file", true,
                   "/p/nested", "resume", "old"}},
      {3, Command{"r", 4, "c", "approve", "a note", "{\"kind\":\"x\"}", 1000, 10, 3}},
      {4, Command{"r", 5, "", "cancel", std::nullopt, "", -1, 0, 0}},
      {5, Command{"r", 6, "", "cancel", "", "", 0, 0, 0}},
      {6, CommandDone{"r", 5, false, "code", "message"}},
      {7, Spawned{"r", 2, 4321, 99, std::string("\0\xFFsecret", 8)}},
      {8, Cursor{"ws://g|w", "r", 10, 4096}},
      {9, Closed{"r", "completed", true}},
      {10, Forgotten{"r"}},
      {11, Started{"c", "r", false, "code", "message", false}},
  };
}

// Whether two values encode alike; the plain values have no comparison of their own.
template <class Value>
void expect_same(const Value& a, const Value& b) {
  EXPECT_EQ(a.body.index(), b.body.index());
  EXPECT_EQ(encode(a), encode(b));
}

TEST(Codec, gives_back_every_kind_of_frame) {
  for (const JournalFrame& frame : every_frame()) {
    const auto again = decode_journal_frame(encode(frame));
    ASSERT_TRUE(again) << frame.at_us << ": " << again.error().message();
    EXPECT_EQ(again->at_us, frame.at_us);
    expect_same(*again, frame);
  }
}

TEST(Codec, gives_back_every_kind_of_record) {
  for (const LedgerRecord& record : every_record()) {
    const auto again = decode_ledger_record(encode(record));
    ASSERT_TRUE(again) << record.at_us << ": " << again.error().message();
    EXPECT_EQ(again->at_us, record.at_us);
    expect_same(*again, record);
  }
}

TEST(Codec, gives_back_fields_and_not_only_the_same_bytes) {
  const auto frames = every_frame();
  const auto exit = std::get<Exit>(decode_journal_frame(encode(frames[6]))->body);
  EXPECT_EQ(exit.cause, "signal");
  EXPECT_EQ(exit.signal, 11);
  EXPECT_EQ(exit.asker_uid, 1000);
  ASSERT_EQ(exit.left.size(), 2U);
  EXPECT_EQ(exit.left[0].name, "sleep");
  EXPECT_EQ(exit.left[1].reason, "x");
  EXPECT_TRUE(exit.out_of_memory);
  EXPECT_EQ(exit.limit_ms, 9U);
  EXPECT_EQ(exit.memory_limit, 10U);
  EXPECT_EQ(exit.memory_peak, 11U);
  const auto event = std::get<Event>(decode_journal_frame(encode(frames[1]))->body);
  EXPECT_EQ(event.seq, 7U);
  EXPECT_EQ(event.step_id, "s");
  EXPECT_EQ(event.json, "{\"kind\":\"StepStartEvent\"}");
  EXPECT_EQ(event.stream_seq, -9);
  EXPECT_FALSE(std::get<Event>(decode_journal_frame(encode({1, Event{}}))->body).stream_seq);
}

TEST(Codec, tells_no_note_from_an_empty_one) {
  const auto records = every_record();
  EXPECT_EQ(std::get<Command>(decode_ledger_record(encode(records[3]))->body).note, std::nullopt);
  EXPECT_EQ(std::get<Command>(decode_ledger_record(encode(records[4]))->body).note, "");
}

TEST(Codec, keeps_bytes_that_are_no_text) {
  const auto records = every_record();
  EXPECT_EQ(std::get<Spawned>(decode_ledger_record(encode(records[6]))->body).secret,
            std::string("\0\xFFsecret", 8));
  Terminal terminal;
  terminal.reason = std::string("a\0b\xFF", 4);
  const auto again = decode_journal_frame(encode(JournalFrame{0, terminal}));
  EXPECT_EQ(std::get<Terminal>(again->body).reason, terminal.reason);
}

TEST(Codec, writes_one_segment_however_long_the_texts_are) {
  for (const std::size_t size : {0U, 1U, 700U, 768U, 5000U, 3U << 20}) {
    const JournalFrame frame{
        1, Checkpoint{std::string(size, 's'), std::string(size, 'o'), std::string(size, 'b'), 1}};
    const std::string bytes = encode(frame);
    EXPECT_EQ(bytes.size() % 8, 0U);
    EXPECT_EQ(bytes.substr(0, 4), std::string(4, '\0'));
    const auto again = decode_journal_frame(bytes);
    ASSERT_TRUE(again);
    EXPECT_EQ(std::get<Checkpoint>(again->body).outputs.size(), size);
  }
}

TEST(Codec, reads_bytes_at_any_address) {
  const std::string bytes = encode(every_frame()[6]);
  std::string room(bytes.size() + 8, 'x');
  for (std::size_t shift = 0; shift < 8; ++shift) {
    room.replace(shift, bytes.size(), bytes);
    EXPECT_TRUE(decode_journal_frame(std::string_view(room).substr(shift, bytes.size())));
  }
}

TEST(Codec, tells_an_unknown_kind_from_a_malformed_one) {
  // The segment table, the root pointer, `at`, then the number of the union's member.
  constexpr std::size_t kMember = 24;
  std::string frame = encode(every_frame()[2]);
  ASSERT_EQ(frame[kMember], 2);
  frame[kMember] = 99;
  EXPECT_EQ(decode_journal_frame(frame).error().code, std::errc::not_supported);
  std::string record = encode(every_record()[1]);
  record[kMember] = 99;
  EXPECT_EQ(decode_ledger_record(record).error().code, std::errc::not_supported);
  EXPECT_NE(decode_journal_frame("12345678").error().code, std::errc::not_supported);
}

TEST(Codec, refuses_every_shortened_message) {
  for (const JournalFrame& frame : every_frame()) {
    const std::string bytes = encode(frame);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_FALSE(decode_journal_frame(bytes.substr(0, size)));
    }
    EXPECT_FALSE(decode_journal_frame(bytes + std::string(8, '\0')));
  }
}

TEST(Codec, refuses_a_message_of_several_segments) {
  std::string bytes = encode(every_frame()[0]);
  bytes[0] = 1;
  EXPECT_FALSE(decode_journal_frame(bytes));
}

// Whatever the bytes are, the answer is a value or an error.
TEST(Codec, survives_any_change_of_a_byte) {
  std::mt19937 random(4);
  for (const JournalFrame& frame : every_frame()) {
    const std::string bytes = encode(frame);
    for (std::size_t at = 0; at < bytes.size(); ++at) {
      for (const int value : {0, 1, 0x7F, 0x80, 0xFF, static_cast<int>(random() & 0xFF)}) {
        std::string changed = bytes;
        changed[at] = static_cast<char>(value);
        const auto decoded = decode_journal_frame(changed);
        // Pointers may share what they point to, but only within the reader's limits.
        if (decoded) {
          EXPECT_LE(encode(*decoded).size(), 8 * (bytes.size() + 64));
        }
      }
    }
  }
}

// A list of empty structs costs no bytes, so a small message can claim millions of them.
TEST(Codec, refuses_a_list_longer_than_its_message) {
  std::string bytes = encode(JournalFrame{0, Terminal{"failed", "", {{1, "a", "b"}}}});
  int refused = 0;
  for (std::size_t at = 8; at + 8 <= bytes.size(); at += 8) {
    std::string changed = bytes;
    // A composite list's tag: a hundred million structs of no words.
    const std::uint64_t tag = std::uint64_t{100'000'000} << 2;
    changed.replace(at, 8, std::string(reinterpret_cast<const char*>(&tag), 8));
    const auto decoded = decode_journal_frame(changed);
    if (!decoded) {
      ++refused;
    } else if (const auto* terminal = std::get_if<Terminal>(&decoded->body)) {
      EXPECT_LT(terminal->left.size(), 100U);
    }
  }
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace charter::ipc
