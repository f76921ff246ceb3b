// What the ledger and the journals say when the daemon starts: every run that is not over gets its
// place in the registry and its next move from the table in registry.h.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "ipc/layout.h"
#include "ipc/peer.h"
#include "supervisor/conductor.h"
#include "supervisor/journal_syncs.h"
#include "supervisor/ledger_state.h"
#include "supervisor/registry.h"

namespace charter::supervisor {

class Recovery {
 public:
  // `gateway`: whose cursors count.
  Recovery(const ipc::Layout& layout, Registry& registry, std::string gateway)
      : layout_(layout),
        registry_(registry),
        gateway_(std::move(gateway)),
        boot_id_(ipc::boot_id()),
        syncs_(layout.journals_mark()) {}

  // Whether there are journals that something was promised in.
  [[nodiscard]] static ipc::Result<bool> journals_left(const ipc::Layout& layout);

  // Reads everything into the registry. `all_journals`: also those the ledger does not know,
  // because it was lost, is damaged or from elsewhere. An error when it cannot be told what there
  // is: then nothing may be begun.
  [[nodiscard]] ipc::Result<void> read(LedgerState state, bool all_journals);

  // Carries out what the table says. Processes that dead runs left behind are ended first.
  void act(Conductor& conductor);

  // Someone decided that the runs the ledger does not know are this daemon's: what it has to know
  // of them, each in the place of the queue that `next_order` says.
  [[nodiscard]] std::vector<ipc::LedgerRecord> accept_unknown(
      const std::function<std::uint64_t()>& next_order);
  // It knows them now, and the hold has ended: carries out what the table says of those that were
  // held.
  void act_on_unknown(Conductor& conductor);

  [[nodiscard]] std::size_t runs() const { return found_.size(); }

 private:
  struct Found {
    RunPtr run;
    Facts facts;
    std::shared_ptr<Burst> burst{};  // of one that is held since the ledger does not know it
  };
  ipc::Result<void> take_marks() const;
  void take_run(const std::string& id, LedgerRun& known);
  void take_files(const RunPtr& run, LedgerRun& known);
  void take_commands(Run& run, LedgerRun& known) const;
  void take_cursor(Run& run, const LedgerRun& known) const;
  void take_journal(const RunPtr& run, Facts facts);
  ipc::Result<void> read_whole(const ipc::UniqueFd& file, Run& run, ipc::JournalSummary& summary,
                               const Facts& facts) const;
  void make_durable(const RunPtr& run, Action action);
  // `known`: what the ledger still has of runs whose acceptance is lost.
  ipc::Result<void> take_unknown_journals(std::unordered_map<std::string, LedgerRun> known);
  void end_processes(const std::vector<Found>& runs) const;
  void found(Conductor& conductor, const Found& one);

  const ipc::Layout& layout_;
  Registry& registry_;
  std::string gateway_;
  std::string boot_id_;
  JournalSyncs syncs_;
  std::vector<Found> found_;
  std::vector<Found> unknown_;  // to the ledger
  std::unordered_set<std::string> closed_;
};

}  // namespace charter::supervisor
