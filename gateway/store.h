// The gateway's memory: the database and its tables. Belongs to the store's thread.
#pragma once

#include <string>

#include "gateway/command_table.h"
#include "gateway/database.h"
#include "gateway/event_table.h"
#include "gateway/intake.h"
#include "gateway/run_table.h"
#include "gateway/worker_table.h"

namespace charter::gateway {

struct Store {
  // Opens or creates `directory`/gateway.db. Throws std::runtime_error.
  explicit Store(const std::string& directory);

  Database database;
  WorkerTable workers;
  RunTable runs;
  EventTable events;
  CommandTable commands;
  Intake intake;
};

}  // namespace charter::gateway
