// `forget`: gives up what is kept of a run that is over, and its id with it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

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
  using PutBack = std::function<void(const RunPtr&)>;

  // `put_back` hears of a run that was not forgotten after all: it may have something to send.
  Forgetting(const ipc::Layout& layout, Ledger& ledger, SyncThread& disk, Registry& registry,
             PutBack put_back)
      : layout_(layout),
        ledger_(ledger),
        disk_(disk),
        registry_(registry),
        put_back_(std::move(put_back)) {}

  // Calls `done` when the ledger has it and journal and state file are gone, durably: the id may be
  // used again. Where they cannot be removed it stays reserved. Refused for a run
  // that is not over (`still_active`), for one that a living worker holds, for one the gateway does
  // not have (`undelivered`), and for an id nothing is known of or another request is about to take
  // (`unknown_run`). When the ledger cannot be written the run stays as it was.
  void forget(const Order& order, Done done);

 private:
  [[nodiscard]] std::optional<Refusal> check(const Order& order) const;
  void remove_files(const std::string& id, std::string root, Done done);

  const ipc::Layout& layout_;
  Ledger& ledger_;
  SyncThread& disk_;
  Registry& registry_;
  PutBack put_back_;
  // The ledger has, the disk has not; and the projects they lie in, which their journals told.
  std::unordered_map<std::string, std::string> half_forgotten_;
};

}  // namespace charter::supervisor
