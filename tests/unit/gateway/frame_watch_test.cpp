#include "gateway/frame_watch.h"

#include <gtest/gtest.h>

#include "tests/support/ws_frame.h"

namespace charter::gateway {
namespace {

using Verdict = FrameWatch::Verdict;

std::string frame(tests::WsOpcode opcode, std::string payload) {
  tests::WsFrame one;
  one.opcode = opcode;
  one.payload = std::move(payload);
  return tests::frame_bytes(one);
}
std::string pong(std::string payload) { return frame(tests::WsOpcode::pong, std::move(payload)); }
std::string text(std::string payload) { return frame(tests::WsOpcode::text, std::move(payload)); }

// What a writer would do with a frame written in one piece.
Verdict write(FrameWatch& watch, const std::string& bytes) {
  const auto verdict = watch.begins(std::string_view(bytes).substr(0, 127));
  if (verdict == Verdict::pass) watch.written(bytes.size());
  return verdict;
}

TEST(FrameWatch, HoldsAPongWithoutPermission) {
  FrameWatch watch;
  EXPECT_EQ(write(watch, pong("7")), Verdict::drop);
}

TEST(FrameWatch, APermissionCountsOnceAndForItsPayload) {
  FrameWatch watch;
  watch.permit("7");
  EXPECT_EQ(write(watch, pong("8")), Verdict::drop);
  EXPECT_EQ(write(watch, pong("7")), Verdict::pass);
  EXPECT_EQ(write(watch, pong("7")), Verdict::drop);
}

TEST(FrameWatch, EmptyPayloadsAreCountedToo) {
  FrameWatch watch;
  watch.permit("");
  EXPECT_EQ(write(watch, pong("")), Verdict::pass);
  EXPECT_EQ(write(watch, pong("")), Verdict::drop);
}

TEST(FrameWatch, OtherFramesPass) {
  FrameWatch watch;
  EXPECT_EQ(write(watch, text("hello")), Verdict::pass);
  EXPECT_EQ(write(watch, frame(tests::WsOpcode::ping, "1")), Verdict::pass);
  EXPECT_EQ(write(watch, frame(tests::WsOpcode::close, "")), Verdict::pass);
  EXPECT_EQ(write(watch, text(std::string(300, 'x'))), Verdict::pass);
  EXPECT_EQ(write(watch, text(std::string(70'000, 'x'))), Verdict::pass);
  EXPECT_EQ(write(watch, pong("1")), Verdict::drop);
}

// A message that is written in pieces may go on with bytes that look like a pong.
TEST(FrameWatch, TheMiddleOfAMessageIsNotTakenForAPong) {
  for (const std::size_t size : {100U, 300U, 70'000U}) {
    FrameWatch watch;
    const std::string bytes = text(std::string(size - 3, 'x') + pong("7"));
    ASSERT_EQ(watch.begins(std::string_view(bytes).substr(0, 127)), Verdict::pass);
    watch.written(bytes.size() - 3);
    EXPECT_EQ(watch.begins(pong("7")), Verdict::pass);
    watch.written(3);
    EXPECT_EQ(watch.begins(pong("7")), Verdict::drop);
  }
}

TEST(FrameWatch, APermittedPongMayBeWrittenInPieces) {
  FrameWatch watch;
  watch.permit("payload");
  const std::string bytes = pong("payload");
  ASSERT_EQ(watch.begins(bytes), Verdict::pass);
  watch.written(1);
  EXPECT_EQ(watch.begins(std::string_view(bytes).substr(1)), Verdict::pass);
  watch.written(bytes.size() - 1);
  EXPECT_EQ(watch.begins(bytes), Verdict::drop);
}

}  // namespace
}  // namespace charter::gateway
