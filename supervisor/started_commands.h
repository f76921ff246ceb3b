// The answers to run.start commands, for gateways that ask again.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ipc/ledger_record.h"
#include "supervisor/ledger_state.h"

namespace charter::supervisor {

class StartedCommands {
 public:
  // Of their texts; far more than ids of the usual length and their few refusals take.
  static constexpr std::size_t kMostTexts = 64U << 20;

  // Keeps the last kKeptStarts, where they are not too long; of two with one id the first counts.
  void add(ipc::Started started);
  [[nodiscard]] const ipc::Started* find(std::string_view command_id) const;
  void append_records(std::vector<ipc::LedgerRecord>& records) const;
  [[nodiscard]] std::size_t size() const { return kept_.size(); }

 private:
  std::deque<ipc::Started> kept_;
  std::size_t bytes_ = 0;
  std::unordered_map<std::string_view, const ipc::Started*> index_;  // texts live in kept_
};

}  // namespace charter::supervisor
