#include "supervisor/verdict_cache.h"

#include <algorithm>
#include <utility>

namespace charter::supervisor {
namespace {

// File times advance with the kernel's tick, 10 ms at the coarsest; this leaves room.
constexpr std::int64_t kSettledNs = 50'000'000;
constexpr std::size_t kPerEntry = 200;

std::size_t bytes_of(const std::string& key, const ipc::PrepareReply& reply) {
  std::size_t bytes = kPerEntry + key.size() + reply.state_head.size() + reply.state_tail.size() +
                      reply.workflow_path.size() + reply.workflow_id.size();
  for (const ipc::FileIdentity& file : reply.reads) bytes += sizeof file + file.path.size();
  return bytes;
}

bool unchanged(const ipc::PrepareReply& reply) {
  return std::all_of(reply.reads.begin(), reply.reads.end(), [](const ipc::FileIdentity& file) {
    return ipc::identify(file.path) == file;
  });
}

}  // namespace

Verdict VerdictCache::find(const std::string& key) {
  const auto found = index_.find(key);
  if (found == index_.end()) return nullptr;
  const auto entry = found->second;
  if (!unchanged(*entry->verdict)) {
    drop(entry);
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  return entry->verdict;
}

void VerdictCache::keep(const std::string& key, Verdict verdict, std::int64_t now_ns) {
  const bool settled =
      std::all_of(verdict->reads.begin(), verdict->reads.end(), [now_ns](const auto& file) {
        return file.inode == 0 || file.mtime_ns + kSettledNs < now_ns;
      });
  const std::size_t bytes = bytes_of(key, *verdict);
  if (!settled || bytes > max_bytes_ / 4) return;
  if (const auto old = index_.find(key); old != index_.end()) drop(old->second);
  entries_.push_front(Entry{key, std::move(verdict), bytes});
  index_.emplace(entries_.front().key, entries_.begin());
  bytes_ += bytes;
  while (bytes_ > max_bytes_) drop(std::prev(entries_.end()));
}

void VerdictCache::drop(std::list<Entry>::iterator entry) {
  index_.erase(entry->key);
  bytes_ -= entry->bytes;
  entries_.erase(entry);
}

}  // namespace charter::supervisor
