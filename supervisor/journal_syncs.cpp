#include "supervisor/journal_syncs.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <system_error>
#include <thread>

#include "ipc/held_signals.h"
#include "ipc/log_segment.h"

namespace charter::supervisor {
namespace {

constexpr std::size_t kTogether = 128;  // so many descriptors are open
constexpr std::size_t kThreads = 8;     // which wait, so they may be more than processors
constexpr std::size_t kWorthAThread = 8;

// Whoever had it before may have been told that a sync failed; a sync that succeeds now would prove
// nothing.
ipc::Result<void> sync_journal(int file, std::uint64_t end) {
  if (ipc::in_doubt(file)) return ipc::write_log_again(file, end);
  if (::fdatasync(file) == 0) return {};
  auto failed = ipc::errno_error("sync a journal");
  ipc::put_in_doubt(file);
  return failed;
}

// Begins up to `wanted` threads of `work`; where there can be no more, those that there are have to
// do.
template <typename Work>
std::vector<std::thread> begin_threads(std::size_t wanted, const Work& work) {
  std::vector<std::thread> threads;
  threads.reserve(wanted);
  const ipc::HeldSignals none;
  try {
    while (threads.size() < wanted) threads.emplace_back(work);
  } catch (const std::system_error&) {  // the system has no more
  }
  return threads;
}

}  // namespace

void JournalSyncs::add(std::string run, std::shared_ptr<ipc::UniqueFd> file, std::uint64_t end,
                       Done done) {
  journals_.push_back({std::move(run), std::move(file), end, std::move(done)});
  if (journals_.size() >= kTogether) finish();
}

void JournalSyncs::finish() {
  if (journals_.empty()) return;
  std::string names;
  for (const Journal& journal : journals_) names += journal.run + "\n";
  mark_.set(names);
  std::atomic<std::size_t> next = 0;
  const auto work = [this, &next] {
    for (std::size_t at = next++; at < journals_.size(); at = next++) {
      Journal& journal = journals_[at];
      journal.result = sync_journal(journal.file->get(), journal.end);
    }
  };
  const std::size_t helpers = std::min(kThreads, journals_.size() / kWorthAThread);
  std::vector<std::thread> threads = begin_threads(helpers, work);
  work();
  for (std::thread& thread : threads) thread.join();
  mark_.clear();
  for (const Journal& journal : journals_) journal.done(journal.result);
  journals_.clear();
}

}  // namespace charter::supervisor
