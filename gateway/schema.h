// The tables of the gateway's database and their version.
#pragma once

#include "gateway/database.h"

namespace charter::gateway {

inline constexpr int kSchemaVersion = 2;

// Creates the tables in an empty database, and brings those of version 1 up to this one. Throws
// std::runtime_error, naming both versions, for a database of any other version.
void prepare_schema(Database& database);

}  // namespace charter::gateway
