// When a connection counts as dead, and what a gateway without pongs is worth.
#include "supervisor/link/liveness.h"

#include "supervisor/link/batch_window.h"
#include "tests/unit/supervisor/link_fixture.h"

namespace charter::supervisor {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;
using Verdict = Liveness::Verdict;

constexpr milliseconds kBeat{1000};
constexpr Liveness::Clock::time_point kStart{};
constexpr Liveness::Clock::time_point after(milliseconds passed) { return kStart + passed; }

// ---- the verdict alone, time simulated ----

TEST(Liveness, UnansweredPingWithNothingReceivedIsSilentAfterTwoHeartbeats) {
  Liveness liveness(kBeat, true);
  EXPECT_EQ(liveness.deadline(), std::nullopt);
  EXPECT_EQ(liveness.judge(after(5 * kBeat), {100, 100, 0}, false), Verdict::alive);
  liveness.asked(after(5 * kBeat));
  EXPECT_EQ(liveness.deadline(), after(7 * kBeat));
  EXPECT_EQ(liveness.judge(after(7 * kBeat - milliseconds(1)), {100, 100, 0}, false),
            Verdict::alive);
  EXPECT_EQ(liveness.judge(after(7 * kBeat), {100, 100, 0}, false), Verdict::silent);
}

TEST(Liveness, AnyByteReceivedIsMovement) {
  Liveness liveness(kBeat, true);
  std::uint64_t received = 0;
  for (int beat = 0; beat < 20; ++beat) {
    liveness.asked(after(beat * kBeat));
    EXPECT_EQ(liveness.judge(after(beat * kBeat), {++received, 0, 0}, false), Verdict::alive);
  }
}

TEST(Liveness, LaterPingsDoNotExtendThePatience) {
  Liveness liveness(kBeat, true);
  liveness.asked(kStart);
  liveness.asked(after(kBeat));
  liveness.asked(after(2 * kBeat));
  EXPECT_EQ(liveness.judge(after(2 * kBeat), {}, false), Verdict::silent);
}

TEST(Liveness, SlowUplinkIsNotDeadWhileItsQueueFalls) {
  Liveness liveness(kBeat, true);
  liveness.asked(kStart);
  std::uint64_t acked = 0;
  for (int beat = 1; beat < 30; ++beat) {
    acked += 1000;
    ASSERT_EQ(liveness.judge(after(beat * kBeat), {0, acked, 5000}, true), Verdict::alive);
  }
  // The queue stands: from here on it is silence.
  EXPECT_EQ(liveness.judge(after(30 * kBeat), {0, acked, 5000}, true), Verdict::alive);
  EXPECT_EQ(liveness.judge(after(31 * kBeat), {0, acked, 5000}, true), Verdict::silent);
}

TEST(Liveness, BytesWithoutAnyPongAreBornForALongTimeButNotForEver) {
  Liveness liveness(kBeat, true);
  std::uint64_t received = 0;
  int beat = 0;
  Verdict verdict = Verdict::alive;
  while (verdict == Verdict::alive && beat < 1'000) {
    liveness.asked(after(beat * kBeat));
    verdict = liveness.judge(after(beat * kBeat), {++received, 0, 0}, false);
    ++beat;
  }
  EXPECT_EQ(verdict, Verdict::no_pong);
  EXPECT_THAT(beat, AllOf(Ge(20), Le(30)));
}

// Answers to a gateway's own pings, and its late acknowledgements, leave something in the queue at
// every look.
TEST(Liveness, PatienceEndsThoughSomethingIsAlwaysUnderWay) {
  Liveness liveness(kBeat, true);
  std::uint64_t moved = 0;
  int beat = 0;
  Verdict verdict = Verdict::alive;
  while (verdict == Verdict::alive && beat < 1'000) {
    liveness.asked(after(beat * kBeat));
    moved += 100;
    verdict = liveness.judge(after(beat * kBeat), {moved, moved, 50}, false);
    ++beat;
  }
  EXPECT_EQ(verdict, Verdict::no_pong);
  EXPECT_THAT(beat, AllOf(Ge(20), Le(30)));
}

TEST(Liveness, WithoutPongsAFallingQueueIsLifeAndAStandingOneIsNot) {
  Liveness liveness(kBeat, false);
  liveness.asked(kStart);
  EXPECT_EQ(liveness.judge(after(50 * kBeat), {0, 10, 0}, false), Verdict::alive);
  EXPECT_EQ(liveness.judge(after(51 * kBeat), {0, 20, 500}, false), Verdict::alive);
  EXPECT_EQ(liveness.judge(after(52 * kBeat), {0, 20, 480}, false), Verdict::alive);
  EXPECT_EQ(liveness.judge(after(53 * kBeat), {0, 30, 470}, false), Verdict::alive);
  EXPECT_EQ(liveness.judge(after(54 * kBeat), {0, 30, 470}, false), Verdict::alive);
  EXPECT_EQ(liveness.judge(after(55 * kBeat), {0, 30, 470}, false), Verdict::silent);
}

TEST(Liveness, APongEndsTheWeakerRule) {
  Liveness liveness(kBeat, false);
  liveness.ponged();
  liveness.asked(kStart);
  EXPECT_EQ(liveness.judge(after(2 * kBeat), {}, false), Verdict::silent);
}

// No pong can be seen then, nor a byte that would be movement.
TEST(Liveness, WhileNothingIsReadOnlyAStandingQueueIsDeath) {
  Liveness liveness(kBeat, true);
  liveness.asked(kStart);
  for (int i = 1; i <= 50; ++i) {
    EXPECT_EQ(liveness.judge(after(i * kBeat), {9, 10, 0}, false, true), Verdict::alive);
    liveness.asked(after(i * kBeat));
  }
  EXPECT_EQ(liveness.judge(after(51 * kBeat), {9, 10, 100}, false, true), Verdict::alive);
  EXPECT_EQ(liveness.judge(after(52 * kBeat), {9, 10, 100}, false, true), Verdict::alive);
  EXPECT_EQ(liveness.judge(after(53 * kBeat), {9, 10, 100}, false, true), Verdict::silent);
  // Read again, the gateway has its whole time.
  EXPECT_EQ(liveness.judge(after(54 * kBeat), {9, 10, 100}, false), Verdict::alive);
  liveness.asked(after(54 * kBeat));
  EXPECT_EQ(liveness.judge(after(55 * kBeat), {9, 10, 100}, false), Verdict::alive);
  EXPECT_EQ(liveness.judge(after(56 * kBeat), {9, 10, 100}, false), Verdict::silent);
}

// ---- which batches are confirmed ----

TEST(BatchWindow, APongConfirmsItsBatchAndAllBefore) {
  BatchWindow window;
  for (int i = 0; i < 3; ++i) {
    window.open(10);
    window.written({});
  }
  EXPECT_EQ(window.ponged(2), 2U);
  EXPECT_EQ(window.ponged(2), std::nullopt);
  EXPECT_EQ(window.ponged(1), std::nullopt);
  EXPECT_EQ(window.ponged(3), 3U);
  EXPECT_TRUE(window.empty());
}

TEST(BatchWindow, APongForABatchStillBeingWrittenConfirmsNothing) {
  BatchWindow window;
  window.open(10);
  EXPECT_EQ(window.ponged(1), std::nullopt);
  window.written({});
  EXPECT_EQ(window.ponged(2), std::nullopt);
  EXPECT_EQ(window.ponged(1), 1U);
}

TEST(BatchWindow, AcksConfirmUpToTheBytesTheyCover) {
  BatchWindow window;
  window.open(100);
  window.written({0, 50, 100});  // ends at 150
  window.open(100);
  window.written({0, 60, 190});  // ends at 250
  window.open(100);              // not written yet
  EXPECT_EQ(window.acked({0, 149, 101}), std::nullopt);
  EXPECT_EQ(window.acked({0, 150, 100}), 1U);
  EXPECT_EQ(window.acked({0, 240, 0}), 2U);  // an empty queue is proof enough
  EXPECT_EQ(window.acked({0, 240, 0}), std::nullopt);
}

TEST(BatchWindow, RoomEndsWithBytesOrWithNumber) {
  BatchWindow bytes;
  bytes.open(BatchWindow::kMaxBytes + 1);
  EXPECT_FALSE(bytes.has_room());
  BatchWindow number;
  for (std::size_t i = 0; i < BatchWindow::kMaxBatches; ++i) {
    EXPECT_TRUE(number.has_room());
    number.open(1);
  }
  EXPECT_FALSE(number.has_room());
}

// ---- real sockets ----

class LinkLiveness : public LinkTest {
 protected:
  static constexpr milliseconds kHeartbeat{200};

  LinkSettings quick(const WsServer& server) {
    auto made = settings(server);
    made.heartbeat = kHeartbeat;
    return made;
  }
};

TEST_F(LinkLiveness, FrozenGatewayIsNoticedWithinTheHeartbeats) {
  WsServer server;
  start(quick(server));
  ASSERT_TRUE(run_until([&] { return client_.confirmations.size() == 1; }));
  run_for(kHeartbeat);
  server.freeze();
  const auto frozen = Clock::now();
  ASSERT_TRUE(run_until([&] { return !client_.downs.empty(); }));
  const auto noticed = tests::since(frozen);
  EXPECT_GE(noticed, 2 * kHeartbeat - milliseconds(10));
  EXPECT_LE(noticed, 3 * kHeartbeat + milliseconds(1'000));  // the slack is the machine's
  EXPECT_THAT(client_.downs[0], HasSubstr("silent"));
  EXPECT_EQ(client_.confirmed_messages, 0U);
}

TEST_F(LinkLiveness, FrozenGatewayIsNoticedThoughTheSocketTakesNoMoreBytes) {
  WsServer server;
  start(quick(server));
  ASSERT_TRUE(run_until([&] { return client_.confirmations.size() == 1; }));
  server.freeze();
  add_messages(1, 32U << 20);
  const auto frozen = Clock::now();
  ASSERT_TRUE(run_until([&] { return !client_.downs.empty(); }));
  EXPECT_LE(tests::since(frozen), 4 * kHeartbeat + milliseconds(1'000));
}

TEST_F(LinkLiveness, NothingMoreIsReadWhileTheClientIsCrowdedAndTheGatewayIsKept) {
  WsServer server;
  start(quick(server));
  ASSERT_TRUE(run_until([&] { return client_.confirmations.size() == 1; }));
  client_.is_crowded = true;
  for (int i = 0; i < 10; ++i) server.send_text(std::string(1U << 20, 'x'));
  run_for(6 * kHeartbeat);
  EXPECT_THAT(client_.texts, SizeIs(1));
  EXPECT_THAT(client_.downs, IsEmpty());
  client_.is_crowded = false;
  ASSERT_TRUE(run_until([&] { return client_.texts.size() == 10; }));
  add_messages(1);
  ASSERT_TRUE(run_until([&] { return client_.confirmed_messages == 1; }));
  EXPECT_EQ(server.connections(), 1U);
  // The link can be stopped while it does not read.
  client_.is_crowded = true;
  server.send_text("one more");
  ASSERT_TRUE(run_until([&] { return client_.texts.size() == 11; }));
  bool stopped = false;
  link_->stop([&] { stopped = true; });
  EXPECT_TRUE(run_until([&] { return stopped; }));
}

TEST_F(LinkLiveness, NothingIsReadOfANewConnectionOfACrowdedClient) {
  client_.is_crowded = true;
  WsServer server;
  start(quick(server));
  ASSERT_TRUE(run_until_up());
  server.send_text("one");
  run_for(4 * kHeartbeat);
  EXPECT_THAT(client_.texts, IsEmpty());
  EXPECT_THAT(client_.downs, IsEmpty());
  client_.is_crowded = false;
  EXPECT_TRUE(run_until([&] { return client_.texts.size() == 1; }));
}

TEST_F(LinkLiveness, GatewayThatTakesNoBytesIsDeadThoughNothingIsRead) {
  WsServer server;
  start(quick(server));
  ASSERT_TRUE(run_until([&] { return client_.confirmations.size() == 1; }));
  client_.is_crowded = true;
  server.freeze();
  add_messages(1, 32U << 20);
  ASSERT_TRUE(run_until([&] { return !client_.downs.empty(); }));
  EXPECT_THAT(client_.downs[0], HasSubstr("stopped taking bytes"));
}

TEST_F(LinkLiveness, IdleGatewayThatPongsIsKept) {
  WsServer server;
  start(quick(server));
  ASSERT_TRUE(run_until_up());
  run_for(8 * kHeartbeat);
  EXPECT_THAT(client_.downs, IsEmpty());
  EXPECT_EQ(server.connections(), 1U);
}

TEST_F(LinkLiveness, GatewayThatTalksButHasNotPongedYetIsKept) {
  WsServer server({.answer_pings = false});
  start(quick(server));
  ASSERT_TRUE(run_until_up());
  for (int i = 0; i < 16; ++i) {
    server.send_text("still here");
    run_for(kHeartbeat / 2);
  }
  EXPECT_THAT(client_.downs, IsEmpty());
  EXPECT_THAT(client_.confirmations, IsEmpty());
}

TEST_F(LinkLiveness, AfterThreeConnectionsWithoutAPongWhatTcpAcknowledgedIsConfirmed) {
  WsServer server({.answer_pings = false});
  start(quick(server));
  add_messages(5);
  ASSERT_TRUE(run_until([&] { return client_.downs.size() == 3; }));
  EXPECT_EQ(client_.confirmed_messages, 0U);
  EXPECT_FALSE(link_->status().confirms_by_pong);
  EXPECT_THAT(link_->status().warning, HasSubstr("answers no pings"));
  ASSERT_TRUE(run_until([&] { return client_.confirmed_messages == 5; }));
  EXPECT_EQ(client_.ups.size(), 4U);
  // And this connection is kept, though nothing ever comes from it.
  run_for(6 * kHeartbeat);
  EXPECT_THAT(client_.downs, SizeIs(3));
  add_messages(5);
  ASSERT_TRUE(run_until([&] { return client_.confirmed_messages == 10; }));
}

TEST_F(LinkLiveness, WithoutPongsAGatewayThatTakesNoBytesIsDead) {
  WsServer server({.answer_pings = false});
  start(quick(server));
  ASSERT_TRUE(run_until([&] { return client_.downs.size() == 3 && is_up(); }));
  ASSERT_TRUE(run_until([&] { return !client_.confirmations.empty(); }));
  server.freeze();
  add_messages(1, 32U << 20);
  ASSERT_TRUE(run_until([&] { return client_.downs.size() == 4; }));
  EXPECT_THAT(client_.downs[3], HasSubstr("stopped taking bytes"));
  EXPECT_EQ(client_.confirmed_messages, 0U);
}

TEST_F(LinkLiveness, OnePongRestoresTheFullPromise) {
  WsServer server({.answer_pings = false});
  start(quick(server));
  ASSERT_TRUE(run_until([&] { return client_.downs.size() == 3 && is_up(); }));
  server.set_rules({});
  ASSERT_TRUE(run_until([&] { return link_->status().confirms_by_pong; }));
  EXPECT_EQ(link_->status().warning, "");
}

TEST_F(LinkLiveness, FrozenGatewayThatPongedBeforeIsNotTakenForOneWithoutPongs) {
  WsServer server;
  start(quick(server));
  for (std::size_t round = 1; round <= 4; ++round) {
    ASSERT_TRUE(run_until([&] { return is_up() && client_.confirmations.size() >= round; }));
    server.freeze();
    ASSERT_TRUE(run_until([&] { return client_.downs.size() == round; }));
    server.thaw();
  }
  EXPECT_TRUE(link_->status().confirms_by_pong);
}

}  // namespace
}  // namespace charter::supervisor
