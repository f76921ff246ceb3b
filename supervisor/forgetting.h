// `forget`: gives up what is kept of a run that is over, and its id with it.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "ipc/layout.h"
#include "supervisor/intake.h"
#include "supervisor/ledger.h"
#include "supervisor/registry.h"
#include "supervisor/sync_thread.h"

namespace charter::supervisor {

class Forgetting {
 public:
  struct Order {
    std::string run_id;
    bool undelivered = false;  // also when the gateway does not have all of it
  };
  using Done = std::function<void(const std::optional<Refusal>&)>;

  Forgetting(const ipc::Layout& layout, Ledger& ledger, SyncThread& disk, Registry& registry)
      : layout_(layout), ledger_(ledger), disk_(disk), registry_(registry) {}

  // Calls `done` when the ledger has it and journal and state file are gone. Refused for a run that
  // is not over (`still_active`), for one that a living worker holds, for one the gateway does not
  // have (`undelivered`), and for an id nothing is known of (`unknown_run`).
  void forget(const Order& order, Done done);

 private:
  [[nodiscard]] std::optional<Refusal> check(const Order& order) const;

  const ipc::Layout& layout_;
  Ledger& ledger_;
  SyncThread& disk_;
  Registry& registry_;
};

}  // namespace charter::supervisor
