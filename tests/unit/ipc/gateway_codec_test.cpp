#include <capnp/message.h>
#include <capnp/serialize.h>
#include <gateway.capnp.h>
#include <gmock/gmock.h>

#include <random>

#include "ipc/codec.h"
#include "ipc/gateway_message.h"

namespace charter::ipc::wire {
namespace {

using ::testing::HasSubstr;

const std::string kFrame = ipc::encode(JournalFrame{
    1'767'323'045'123'456, Event{"r", 7, "StepStartEvent", "s", 3, false, "{\"kind\":\"x\"}"}});

// What a step prints is anything.
const OutputPiece kPiece{1'767'323'045'123'456, 7, "s", 2, OutputStream::err, "cap", "a\xFF\n"};

std::vector<ToGateway> every_message_to_gateway() {
  return {Register{kVersion, "w", 4, {"a", "b"}},
          Register{kVersion, "w", 4, {}, true},
          Announced{"r", "running", "/p/plan.yml", "t"},
          Events{{kFrame, kFrame}},
          Heartbeat{3, 2},
          CommandResult{"c", "r", false, "pause_over", "why"},
          Described{7, "[{\"id\":\"w\"}]", ""},
          Described{8, "", "why"},
          Output{9, {kPiece, kPiece}, {7, 8, 96}, true, false, ""},
          Output{10, {}, {}, false, true, "why"}};
}

std::vector<ToDaemon> every_message_to_daemon() {
  return {Welcome{},
          Acks{{"r", 7}, {"s", 0}},
          Command{"c", "r", "", 0, Start{"w", "{\"a\":NaN}"}},
          Command{"c", "r", "ask", 2, Resume{true, "a note"}},
          Command{"c", "r", "ask", 2, Resume{false, std::nullopt}},
          Command{"c", "r", "", 1, Cancel{""}},
          Command{"c", "r", "form", 3, Input{"{\"kind\":\"form\"}"}},
          Describe{7},
          ReadOutput{9, "r", "t", {7, 8, 96}, 5, 6}};
}

// A message as another program builds it: in as many segments as `words` a segment make.
template <class Root, class Fill>
std::string built(unsigned words, Fill fill) {
  capnp::MallocMessageBuilder builder(words, capnp::AllocationStrategy::FIXED_SIZE);
  fill(builder.initRoot<Root>());
  const auto flat = capnp::messageToFlatArray(builder);
  const auto bytes = flat.asBytes();
  return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}

TEST(GatewayCodec, gives_back_every_message_to_the_gateway) {
  for (const ToGateway& message : every_message_to_gateway()) {
    const auto again = decode_to_gateway(encode(message));
    ASSERT_TRUE(again) << message.index() << ": " << again.error().message();
    EXPECT_EQ(again->index(), message.index());
    EXPECT_EQ(encode(*again), encode(message));
  }
}

TEST(GatewayCodec, gives_back_every_message_to_the_daemon) {
  for (const ToDaemon& message : every_message_to_daemon()) {
    const auto again = decode_to_daemon(encode(message));
    ASSERT_TRUE(again) << message.index() << ": " << again.error().message();
    EXPECT_EQ(again->index(), message.index());
    EXPECT_EQ(encode(*again), encode(message));
  }
}

TEST(GatewayCodec, carries_frames_byte_for_byte) {
  const auto again = decode_to_gateway(encode(ToGateway(Events{{kFrame}})));
  ASSERT_TRUE(again);
  const auto& frames = std::get<Events>(*again).frames;
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0], kFrame);
  EXPECT_EQ(event_seq(frames[0]), 7U);
  const auto event = event_of(frames[0]);
  ASSERT_TRUE(event);
  EXPECT_EQ(event->at_us, 1'767'323'045'123'456);
  EXPECT_EQ(event->event.json, "{\"kind\":\"x\"}");
  EXPECT_EQ(event->event.pause, 3U);
}

TEST(GatewayCodec, tells_an_event_from_other_frames) {
  const std::string other = ipc::encode(JournalFrame{1, Intent{"s", 1, "shell"}});
  EXPECT_EQ(event_seq(other), std::nullopt);
  EXPECT_THAT(event_of(other).error().message(), HasSubstr("a frame is no event"));
  EXPECT_EQ(event_seq("no frame"), std::nullopt);
  EXPECT_THAT(event_of("no frame").error().message(), HasSubstr("no journal frame"));
}

TEST(GatewayCodec, reads_what_others_build_in_many_segments) {
  const std::string note(5000, 'n');
  const std::string bytes = built<schema::wire::ToDaemon>(16, [&](auto root) {
    auto command = root.initCommand();
    command.setCommandId("c");
    command.setRunId("r");
    auto resume = command.initResume();
    resume.setNote(note.c_str());
    resume.setHasNote(true);
  });
  ASSERT_NE(bytes.substr(0, 4), std::string(4, '\0')) << "one segment only";
  const auto message = decode_to_daemon(bytes);
  ASSERT_TRUE(message) << message.error().message();
  EXPECT_EQ(std::get<Resume>(std::get<Command>(*message).order).note, note);
}

TEST(GatewayCodec, names_both_versions) {
  const auto hello = decode_to_gateway(encode(ToGateway(Register{9, "w", 4, {}})));
  EXPECT_THAT(hello.error().message(), HasSubstr("version 9, this program knows version 1"));
  const auto welcome = decode_to_daemon(encode(ToDaemon(Welcome{7})));
  EXPECT_THAT(welcome.error().message(), HasSubstr("version 7, this program knows version 1"));
}

TEST(GatewayCodec, says_what_is_wrong_without_quoting_it) {
  const std::string bad(
      "se\xFF"
      "cret");
  EXPECT_THAT(
      decode_to_daemon(encode(ToDaemon(Command{"c", bad, "", 0, Cancel{}}))).error().message(),
      "malformed charter.capnp.v1 message: a text is not UTF-8");
  EXPECT_THAT(
      decode_to_daemon(encode(ToDaemon(Command{"", "r", "", 0, Cancel{}}))).error().message(),
      HasSubstr("a command id is empty"));
  EXPECT_THAT(
      decode_to_daemon(encode(ToDaemon(Command{"c", "r", "", 0, Input{"[1]"}}))).error().message(),
      HasSubstr("an input is no JSON object"));
  EXPECT_THAT(decode_to_daemon(encode(ToDaemon(Command{"c", "", "", 0, Start{"w", "{"}})))
                  .error()
                  .message(),
              HasSubstr("variables are no JSON object"));
  EXPECT_THAT(decode_to_gateway(encode(ToGateway(Register{kVersion, "", 4, {}}))).error().message(),
              HasSubstr("a worker id is empty"));
  // It is handed on to browsers, which know no NaN.
  for (const char* json : {"", "{}", "[", "[NaN]"}) {
    EXPECT_THAT(decode_to_gateway(encode(ToGateway(Described{1, json, ""}))).error().message(),
                HasSubstr("a description is no JSON array"))
        << json;
  }
}

TEST(GatewayCodec, refuses_more_pieces_than_there_may_be_and_what_is_none) {
  Output answer;
  answer.pieces.resize(kMaxPieces + 1, kPiece);
  EXPECT_THAT(decode_to_gateway(encode(ToGateway(answer))).error().message(),
              HasSubstr("too many pieces of output"));
  const std::string nonsense = built<schema::wire::ToGateway>(256, [](auto root) {
    root.initOutput().initPieces(1).set(0, kj::StringPtr("nonsense").asBytes());
  });
  EXPECT_THAT(decode_to_gateway(nonsense).error().message(),
              HasSubstr("a piece of output is none"));
}

TEST(GatewayCodec, refuses_more_frames_than_there_may_be) {
  Events events;
  events.frames.assign(kMaxFrames + 1, "");
  EXPECT_THAT(decode_to_gateway(encode(ToGateway(events))).error().message(),
              HasSubstr("too many frames"));
}

// A list of structs without size takes no room in a message, however long it says it is.
TEST(GatewayCodec, refuses_a_list_that_costs_nothing) {
  std::string bytes = built<schema::wire::ToDaemon>(64, [](auto root) { root.initAcks(1); });
  for (std::size_t at = 8; at < bytes.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, sizeof word);
    if ((word & 3U) != 1U || (word >> 32 & 7U) != 7U) continue;  // not the list's pointer
    word = (word & 0xFFFFFFFCU) | 1U | (0x1FFFFFFFULL << 35);    // List(Void), as long as can be
    std::memcpy(bytes.data() + at, &word, sizeof word);
    const auto message = decode_to_daemon(bytes);
    ASSERT_FALSE(message);
    return;
  }
  FAIL() << "no list found";
}

TEST(GatewayCodec, passes_over_kinds_of_later_versions) {
  std::string bytes = encode(ToDaemon(Command{"c", "r", "", 0, Cancel{}}));
  // The root's data begins behind the segment table and the root pointer: with its union tag.
  bytes[16] = 99;
  EXPECT_EQ(decode_to_daemon(bytes).error().code, std::errc::not_supported);
}

TEST(GatewayCodec, refuses_every_truncation) {
  for (const ToGateway& message : every_message_to_gateway()) {
    const std::string whole = encode(message);
    for (std::size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(decode_to_gateway(whole.substr(0, size))) << message.index() << ": " << size;
    }
    EXPECT_FALSE(decode_to_gateway(whole + std::string(8, '\0')));
  }
}

TEST(GatewayCodec, survives_flipped_bits) {
  std::mt19937 random(7);
  for (const ToDaemon& message : every_message_to_daemon()) {
    const std::string whole = encode(message);
    for (int round = 0; round < 2000; ++round) {
      std::string flipped = whole;
      flipped[random() % flipped.size()] ^= static_cast<char>(1U << random() % 8);
      const auto decoded = decode_to_daemon(flipped);
      EXPECT_TRUE(decoded || !decoded.error().message().empty());
    }
  }
}

}  // namespace
}  // namespace charter::ipc::wire
