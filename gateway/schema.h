// The tables of the gateway's database and their version.
#pragma once

#include "gateway/database.h"

namespace charter::gateway {

inline constexpr int kSchemaVersion = 1;

// Creates the tables in an empty database. Throws std::runtime_error, naming both versions, for a
// database of another version.
void prepare_schema(Database& database);

}  // namespace charter::gateway
