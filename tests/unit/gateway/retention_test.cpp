#include "gateway/retention.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/store.h"
#include "ipc/option_table.h"
#include "tests/unit/gateway/daemon_client.h"
#include "tests/unit/gateway/gateway_process.h"
#include "tests/unit/gateway/scratch.h"

namespace charter::gateway {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

class RetentionTest : public ::testing::Test {
 protected:
  void take(const std::vector<std::string>& texts) {
    Batch batch{
        .connection = 1, .worker_id = "w1", .peer = "here", .received_us = now, .messages = {}};
    for (const auto& text : texts) batch.messages.push_back(*parse_daemon_message(text));
    store.database.begin();
    store.intake.take(batch);
    store.database.commit();
  }
  void ended_run(const std::string& id) {
    take({announced_text(id), event_text(id, 0, kStepStart), event_text(id, 1, kFailed)});
  }
  bool clean(const RetentionSettings& settings) {
    store.database.begin();
    const bool more = remove_old(store, settings, now);
    store.database.commit();
    return more;
  }
  std::vector<std::string> runs() {
    std::vector<std::string> ids;
    for (const auto& run : store.runs.list({}, 0, 1000)) ids.push_back(run.run_id);
    return ids;
  }
  std::int64_t count(const char* table) {
    Statement query(store.database, std::string("SELECT count(*) FROM ") + table);
    query.step();
    return query.integer(0);
  }

  static constexpr std::int64_t kSecond = 1'000'000;
  Scratch scratch;
  Store store{scratch.path()};
  std::int64_t now = 1000 * kSecond;
};

TEST_F(RetentionTest, OldEndedRunsGoWithTheirEventsAndOthersStay) {
  ended_run("old");
  take({announced_text("waits"), event_text("waits", 0, kGatePending)});
  now += 100 * kSecond;
  ended_run("young");
  EXPECT_FALSE(clean({seconds(60), std::int64_t{1} << 30}));
  EXPECT_THAT(runs(), ElementsAre("young", "waits"));
  EXPECT_EQ(count("events"), 3);
}

TEST_F(RetentionTest, TheLongestTimeThatCanBeGivenKeepsAll) {
  ended_run("old");
  now += 1'000'000'000 * kSecond;
  EXPECT_FALSE(clean({*ipc::read_time("100000000d"), std::int64_t{1} << 30}));
  EXPECT_THAT(runs(), ElementsAre("old"));
}

TEST_F(RetentionTest, LongestEndedGoFirstUntilTheRestFits) {
  ended_run("one");
  now += kSecond;
  ended_run("two");
  now += kSecond;
  ended_run("three");
  const std::int64_t each = store.runs.latest("one", "")->bytes;
  EXPECT_FALSE(clean({seconds(3600), 2 * each + each / 2 + 16}));
  EXPECT_THAT(runs(), ElementsAre("three", "two"));
}

TEST_F(RetentionTest, MoreThanOneBatchIsSaid) {
  for (int i = 0; i < 70; ++i) ended_run("r" + std::to_string(i));
  now += kSecond;
  EXPECT_TRUE(clean({seconds(0), std::int64_t{1} << 30}));
  EXPECT_EQ(runs().size(), 6U);
  EXPECT_FALSE(clean({seconds(0), std::int64_t{1} << 30}));
  EXPECT_TRUE(runs().empty());
  EXPECT_EQ(count("events"), 0);
}

// Large runs: a transaction must not hold everybody up.
TEST_F(RetentionTest, BatchIsBoundedInBytesToo) {
  const std::string large =
      R"({"kind":"RunFailedEvent","error":")" + std::string(9 << 20, 'x') + "\"}";
  for (const char* id : {"a", "b", "c"}) take({announced_text(id), event_text(id, 0, large)});
  now += kSecond;
  EXPECT_TRUE(clean({seconds(0), std::int64_t{1} << 30}));
  EXPECT_THAT(runs(), ElementsAre("c"));
  EXPECT_FALSE(clean({seconds(0), std::int64_t{1} << 30}));
  EXPECT_TRUE(runs().empty());
}

TEST_F(RetentionTest, SpaceOfRemovedRunsGoesBackInSteps) {
  const auto pages = [this] {
    Statement query(store.database, "PRAGMA page_count");
    query.step();
    return query.integer(0);
  };
  const auto step = [this] {
    store.database.begin();
    const bool more = give_back(store.database);
    store.database.commit();
    return more;
  };
  const std::string event = R"({"kind":"Other","text":")" + std::string(4000, 'x') + "\"}";
  std::vector<std::string> all{announced_text("old")};
  for (int seq = 0; seq < 3000; ++seq) all.push_back(event_text("old", seq, event));
  all.push_back(event_text("old", 3000, kFailed));
  take(all);
  now += 100 * kSecond;
  take({announced_text("lives"), event_text("lives", 0, kStepStart)});
  const auto full = pages();
  EXPECT_FALSE(step()) << "nothing is unused yet";
  EXPECT_FALSE(clean({seconds(60), std::int64_t{1} << 30}));
  EXPECT_EQ(pages(), full) << "removing alone gives nothing back";
  EXPECT_TRUE(step());
  const auto once = pages();
  EXPECT_LT(once, full);
  EXPECT_GT(once, full / 2) << "one step is small";
  while (step()) {
  }
  EXPECT_LT(pages(), full / 2);
  EXPECT_EQ(count("events"), 1);
}

// A daemon that did not hear of it may send the history once more.
TEST_F(RetentionTest, RunThatWasRemovedIsTakenAgain) {
  ended_run("again");
  now += kSecond;
  clean({seconds(0), std::int64_t{1} << 30});
  ASSERT_TRUE(runs().empty());
  ended_run("again");
  EXPECT_THAT(runs(), ElementsAre("again"));
  EXPECT_EQ(count("events"), 2);
}

TEST_F(RetentionTest, CommandsOfARemovedRunGoWithIt) {
  ended_run("old");
  CommandRow row;
  row.command_id = "c";
  row.kind = "cancel";
  row.run = store.runs.latest("old", "")->id;
  row.run_id = "old";
  row.message = "{}";
  row.state = "done";
  row.created_us = now;
  store.commands.insert(row);
  now += kSecond;
  clean({seconds(0), std::int64_t{1} << 30});
  EXPECT_EQ(count("commands"), 0);
}

TEST(GatewayRetention, RunningGatewayRemovesWhatHasEnded) {
  GatewayProcess gateway({"--retain", "0"});
  DaemonClient daemon(gateway.port());
  daemon.send(register_text());
  daemon.send(announced_text("ended"));
  daemon.send(event_text("ended", 0, kFailed));
  daemon.send(announced_text("lives"));
  ASSERT_TRUE(daemon.settle());
  EXPECT_TRUE(tests::eventually(tests::kSoon, [&] {
    const auto page = get(gateway.port(), "/api/runs").json();
    const auto& all = page.at("runs").as_array();
    return all.size() == 1 && all[0].at("run_id") == "lives";
  }));
}

}  // namespace
}  // namespace charter::gateway
