#include "gateway/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/store.h"
#include "tests/unit/gateway/scratch.h"

namespace charter::gateway {
namespace {

// Version 1, as its gateway made the tables.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE workers (connection INTEGER PRIMARY KEY, worker_id TEXT NOT NULL, peer TEXT NOT NULL,
  max_runs INTEGER, connected INTEGER NOT NULL, connected_us INTEGER NOT NULL,
  last_seen_us INTEGER NOT NULL) STRICT;
CREATE TABLE runs (id INTEGER PRIMARY KEY, worker_id TEXT NOT NULL, run_id TEXT NOT NULL,
  started_at TEXT NOT NULL, workflow TEXT NOT NULL, workflow_path TEXT, status TEXT NOT NULL,
  connection INTEGER NOT NULL, next_seq INTEGER NOT NULL, events INTEGER NOT NULL,
  bytes INTEGER NOT NULL, wait_seq INTEGER, wait_kind TEXT, error TEXT,
  announced_us INTEGER NOT NULL, updated_us INTEGER NOT NULL, finished_us INTEGER) STRICT;
CREATE TABLE events (run INTEGER NOT NULL, seq INTEGER NOT NULL, stream_seq INTEGER,
  occurred_at TEXT NOT NULL, received_us INTEGER NOT NULL, event TEXT NOT NULL,
  PRIMARY KEY (run, seq)) STRICT, WITHOUT ROWID;
CREATE TABLE commands (id INTEGER PRIMARY KEY, command_id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
  run INTEGER, run_id TEXT NOT NULL, worker_id TEXT, wait_seq INTEGER, message TEXT NOT NULL,
  state TEXT NOT NULL, sends INTEGER NOT NULL, code TEXT, reason TEXT, created_us INTEGER NOT NULL,
  sent_us INTEGER, settled_us INTEGER) STRICT;
CREATE INDEX commands_open ON commands (run, id) WHERE state IN ('pending', 'sent', 'delivered');
INSERT INTO workers VALUES (3, 'w1', 'here', 4, 0, 1, 2);
INSERT INTO runs VALUES (1, 'w1', 'r', '', 'demo', NULL, 'paused', 3, 1, 1, 9, 0, 'gate', NULL,
  1, 2, NULL);
INSERT INTO commands VALUES (1, 'c', 'resume', 1, 'r', 'w1', 0, '{}', 'pending', 0, NULL, NULL, 5,
  NULL, NULL);
PRAGMA user_version=1;
)sql";

TEST(GatewaySchema, ADatabaseOfVersion1IsBroughtUpToDate) {
  Scratch scratch;
  {
    Database old(scratch / "gateway.db");
    old.execute(kVersion1);
  }
  for (int opened = 0; opened < 2; ++opened) {
    Store store(scratch.path());
    const auto run = store.runs.latest("r", "");
    ASSERT_TRUE(run);
    EXPECT_EQ(run->wait_kind, "gate");
    EXPECT_FALSE(run->wait_pause);
    ASSERT_EQ(store.commands.open().size(), 1U);
    EXPECT_FALSE(store.commands.open()[0].wait_step);
    ASSERT_EQ(store.workers.absent(10).size(), 1U);
    EXPECT_EQ(store.workers.absent(10)[0].protocol, "json");
  }
}

TEST(GatewaySchema, ALaterVersionIsRefusedByName) {
  Scratch scratch;
  {
    Database later(scratch / "gateway.db");
    later.execute("PRAGMA user_version=99");
  }
  try {
    const Store store(scratch.path());
    FAIL() << "was opened";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("version 99"));
    EXPECT_THAT(error.what(), testing::HasSubstr("version 2"));
    EXPECT_THAT(error.what(), testing::HasSubstr(scratch / "gateway.db"));
  }
}

}  // namespace
}  // namespace charter::gateway
