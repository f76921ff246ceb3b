#include "gateway/schema.h"

#include <stdexcept>
#include <string>

namespace charter::gateway {
namespace {

// Times are microseconds since the Unix epoch by the gateway's clock; texts of time are the
// daemons' own.
constexpr const char* kTables = R"sql(
-- One row for each connection worth knowing: those that stand, and the last of those that do not.
CREATE TABLE workers (
  connection       INTEGER PRIMARY KEY,
  worker_id        TEXT NOT NULL,
  peer             TEXT NOT NULL,
  protocol         TEXT NOT NULL,             -- json, capnp
  max_runs         INTEGER,
  connected        INTEGER NOT NULL,
  connected_us     INTEGER NOT NULL,
  last_seen_us     INTEGER NOT NULL
) STRICT;
CREATE INDEX workers_by_name ON workers (worker_id);

-- `id` counts runs in the order in which they became known. A run id may come again with another
-- time of acceptance: that is another run.
CREATE TABLE runs (
  id               INTEGER PRIMARY KEY,
  worker_id        TEXT NOT NULL,
  run_id           TEXT NOT NULL,
  started_at       TEXT NOT NULL,             -- as announced, empty when it was null
  workflow         TEXT NOT NULL,
  workflow_path    TEXT,
  status           TEXT NOT NULL,
  connection       INTEGER NOT NULL,          -- the last one it was announced on
  next_seq         INTEGER NOT NULL,          -- one behind the highest event
  events           INTEGER NOT NULL,
  bytes            INTEGER NOT NULL,          -- of all its events
  wait_seq         INTEGER,                   -- the event that says what it waits for
  wait_kind        TEXT,                      -- gate or input
  wait_step        TEXT,                      -- the step of that event
  wait_pause       INTEGER,                   -- its pause, where the daemon told it
  error            TEXT,
  announced_us     INTEGER NOT NULL,
  updated_us       INTEGER NOT NULL,
  finished_us      INTEGER                    -- its terminal event is here
) STRICT;
CREATE UNIQUE INDEX runs_by_name ON runs (run_id, worker_id, started_at);
CREATE INDEX runs_by_status ON runs (status, id);
CREATE INDEX runs_by_workflow ON runs (workflow, id);
CREATE INDEX runs_by_worker ON runs (worker_id, id);

CREATE TABLE events (
  run              INTEGER NOT NULL,
  seq              INTEGER NOT NULL,
  stream_seq       INTEGER,
  occurred_at      TEXT NOT NULL,
  received_us      INTEGER NOT NULL,
  event            TEXT NOT NULL,             -- the bytes of the daemon
  PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE commands (
  id               INTEGER PRIMARY KEY,
  command_id       TEXT NOT NULL UNIQUE,
  kind             TEXT NOT NULL,             -- start, resume, cancel, input
  run              INTEGER,                   -- of runs; none for a start
  run_id           TEXT NOT NULL,
  worker_id        TEXT,                      -- whom it is for; none: whoever comes first
  wait_seq         INTEGER,                   -- the event it answers, with its step and pause
  wait_step        TEXT,
  wait_pause       INTEGER,
  message          TEXT NOT NULL,             -- as it is sent in JSON
  state            TEXT NOT NULL,             -- pending, sent, delivered, done, failed
  sends            INTEGER NOT NULL,
  code             TEXT,
  reason           TEXT,
  created_us       INTEGER NOT NULL,
  sent_us          INTEGER,
  settled_us       INTEGER
) STRICT;
CREATE INDEX commands_open ON commands (run, id) WHERE state IN ('pending', 'sent', 'delivered');
)sql";

constexpr const char* kFromVersion1 = R"sql(
ALTER TABLE workers ADD COLUMN protocol TEXT NOT NULL DEFAULT 'json';
ALTER TABLE runs ADD COLUMN wait_step TEXT;
ALTER TABLE runs ADD COLUMN wait_pause INTEGER;
ALTER TABLE commands ADD COLUMN wait_step TEXT;
ALTER TABLE commands ADD COLUMN wait_pause INTEGER;
)sql";

}  // namespace

void prepare_schema(Database& database) {
  const int version = database.schema_version();
  if (version == kSchemaVersion) return;
  if (version != 0 && version != 1) {
    throw std::runtime_error(database.file() + ": the database has version " +
                             std::to_string(version) + ", this gateway reads version " +
                             std::to_string(kSchemaVersion));
  }
  database.begin();
  database.execute(version == 0 ? kTables : kFromVersion1);
  database.execute(("PRAGMA user_version=" + std::to_string(kSchemaVersion)).c_str());
  database.commit();
}

}  // namespace charter::gateway
