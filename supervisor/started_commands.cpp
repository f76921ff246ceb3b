#include "supervisor/started_commands.h"

#include <utility>

namespace charter::supervisor {

void StartedCommands::add(ipc::Started started) {
  if (index_.contains(started.command_id)) return;
  kept_.push_back(std::move(started));
  index_.emplace(kept_.back().command_id, &kept_.back());
  if (kept_.size() <= kKeptStarts) return;
  index_.erase(kept_.front().command_id);
  kept_.pop_front();
}

const ipc::Started* StartedCommands::find(std::string_view command_id) const {
  const auto found = index_.find(command_id);
  return found == index_.end() ? nullptr : found->second;
}

void StartedCommands::append_records(std::vector<ipc::LedgerRecord>& records) const {
  for (const ipc::Started& started : kept_) records.push_back({0, started});
}

}  // namespace charter::supervisor
