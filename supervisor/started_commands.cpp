#include "supervisor/started_commands.h"

#include <utility>

namespace charter::supervisor {

namespace {

std::size_t texts_of(const ipc::Started& started) {
  return started.command_id.size() + started.run_id.size() + started.message.size();
}

}  // namespace

void StartedCommands::add(ipc::Started started) {
  if (index_.contains(started.command_id)) return;
  bytes_ += texts_of(started);
  kept_.push_back(std::move(started));
  index_.emplace(kept_.back().command_id, &kept_.back());
  while (kept_.size() > kKeptStarts || bytes_ > kMostTexts) {
    bytes_ -= texts_of(kept_.front());
    index_.erase(kept_.front().command_id);
    kept_.pop_front();
  }
}

const ipc::Started* StartedCommands::find(std::string_view command_id) const {
  const auto found = index_.find(command_id);
  return found == index_.end() ? nullptr : found->second;
}

void StartedCommands::append_records(std::vector<ipc::LedgerRecord>& records) const {
  for (const ipc::Started& started : kept_) records.push_back({0, started});
}

}  // namespace charter::supervisor
