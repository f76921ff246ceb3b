// What worker mode `prepare` said, while the files it rests on stay what they were.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "ipc/prepare.h"

namespace charter::supervisor {

using Verdict = std::shared_ptr<const ipc::PrepareReply>;

class VerdictCache {
 public:
  // `max_bytes`: of keys and verdicts together; the least recently used go first.
  explicit VerdictCache(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // The verdict for `key`, or null. Looks at every file it rests on, and forgets it if one differs.
  [[nodiscard]] Verdict find(const std::string& key);

  // Keeps a good verdict. Not when a file was changed so shortly before `now_ns` (wall clock) that
  // a further change could leave its identity as it is, and not when it is too large.
  void keep(const std::string& key, Verdict verdict, std::int64_t now_ns);

  [[nodiscard]] std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    std::string key;
    Verdict verdict;
    std::size_t bytes = 0;
  };
  void drop(std::list<Entry>::iterator entry);

  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::list<Entry> entries_;                                                // latest use first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> index_;  // keys live in entries_
};

}  // namespace charter::supervisor
