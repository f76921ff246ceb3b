// Takes the messages of daemons into the database and says what they changed.
//
// Events are known by (run, seq), and a run by its id, its worker and its time of acceptance, so
// a history that is sent again changes nothing, and a run id used a second time is a second run.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "gateway/command_table.h"
#include "gateway/daemon_message.h"
#include "gateway/event_table.h"
#include "gateway/run_table.h"
#include "gateway/worker_table.h"

namespace charter::gateway {

// Messages of one connection, in the order in which they came.
struct Batch {
  std::int64_t connection = 0;
  std::string worker_id;
  std::string peer;
  std::string protocol = "json";
  std::int64_t received_us = 0;
  std::vector<DaemonMessage> messages;
};

struct RunChange {
  std::int64_t run = 0;
  std::string run_id = {};
  bool announced = false;  // on this connection, just now
  std::int64_t next_seq = 0;
  bool finished = false;  // its terminal event is here
};

struct Outcome {
  std::vector<RunChange> runs;
  std::vector<std::int64_t> settled;  // commands
};

class Intake {
 public:
  Intake(WorkerTable& workers, RunTable& runs, EventTable& events, CommandTable& commands);

  // Inside a transaction. May be called again with the same batch after a rollback.
  Outcome take(const Batch& batch);
  void disconnected(std::int64_t connection, std::int64_t last_seen_us);
  // After a rollback: what is remembered may not be what is on disk.
  void forget();

 private:
  struct Known {
    RunRow row;
    bool touched = false;    // by the batch being taken
    bool announced = false;  // likewise
    bool status_changed = false;
  };
  using KnownRun = std::shared_ptr<Known>;
  // By run id, for one connection.
  using KnownRuns = std::unordered_map<std::string, KnownRun>;
  struct Taking;  // one call of take()

  void apply(Taking& taking, const Registration& message);
  void apply(Taking& taking, const Announcement& message);
  void apply(Taking& taking, const EventMessage& message);
  void apply(Taking& taking, const Heartbeat& message);
  void apply(Taking& taking, const CommandAnswer& message);

  KnownRun known(Taking& taking, const std::string& run_id);
  KnownRun share(RunRow row);
  void touch(Taking& taking, const KnownRun& run);
  void advance(Taking& taking, Known& run, const EventMessage& message);
  void settle_by_event(Taking& taking, const Known& run, const EventMessage& message);
  void settle(Taking& taking, std::int64_t command, const Verdict& verdict);
  void write_back(Taking& taking);

  WorkerTable& workers_;
  RunTable& runs_;
  EventTable& events_;
  CommandTable& commands_;
  std::unordered_map<std::int64_t, KnownRuns> connections_;
  std::unordered_map<std::int64_t, std::weak_ptr<Known>> by_id_;
};

}  // namespace charter::gateway
