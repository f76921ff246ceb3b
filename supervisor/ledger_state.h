// What the ledger's records amount to: the facts recovery starts from. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ipc/ledger_record.h"

namespace charter::supervisor {

// How many answers to run.start are kept for repeats.
inline constexpr std::size_t kKeptStarts = 100'000;
// How many delivered runs stay listed.
inline constexpr std::size_t kKeptFinished = 1000;
// How many answers to commands each of those keeps for repeats.
inline constexpr std::size_t kKeptAnswers = 100;

// One run as the ledger knows it. A run that was closed and delivered keeps its entry until the
// next compaction drops it.
struct LedgerRun {
  std::optional<ipc::Accepted> accepted;
  std::vector<ipc::Command> commands;      // ascending by number
  std::vector<ipc::CommandDone> outcomes;  // of those that are done
  std::optional<ipc::Spawned> spawned;     // the latest burst
  std::optional<ipc::Cursor> cursor;
  std::optional<ipc::Closed> closed;

  // How the command with this number came out; nullptr while it is to be done.
  [[nodiscard]] const ipc::CommandDone* outcome_of(std::uint64_t number) const;
};

struct LedgerState {
  std::optional<ipc::Place> place;
  std::unordered_map<std::string, LedgerRun> runs;
  std::deque<ipc::Started> starts;
  std::uint64_t next_order = 1;   // of the queue
  std::uint64_t next_number = 1;  // of a command

  // Applies one record. A record that was applied before changes nothing, because a group that
  // could not be synced is written again into the next segment.
  void apply(ipc::LedgerRecord record);

 private:
  void accept(ipc::Accepted accepted);
  void command(ipc::Command command);
  void finish(ipc::CommandDone outcome);
  void start(ipc::Started started);
};

}  // namespace charter::supervisor
