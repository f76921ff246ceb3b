#include "gateway/store.h"

#include "gateway/schema.h"

namespace charter::gateway {
namespace {

// Statements can only be prepared once the tables are there.
Database& with_schema(Database& database) {
  prepare_schema(database);
  return database;
}

}  // namespace

Store::Store(const std::string& directory)
    : database(directory + "/gateway.db"),
      workers(with_schema(database)),
      runs(database),
      events(database),
      commands(database),
      intake(workers, runs, events, commands) {}

}  // namespace charter::gateway
