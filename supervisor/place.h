// Where a ledger lives, so that a copy restored elsewhere is known for one.
#pragma once

#include <string>

#include "ipc/error.h"
#include "ipc/ledger_record.h"

namespace charter::supervisor {

// The place of an existing directory. What the machine cannot tell stays empty.
[[nodiscard]] ipc::Result<ipc::Place> place_of(const std::string& directory);

// Why `recorded` is another place than `here`, for people; empty when it is the same. What either
// side could not tell is not compared, and a device number never is.
[[nodiscard]] std::string place_difference(const ipc::Place& recorded, const ipc::Place& here);

}  // namespace charter::supervisor
