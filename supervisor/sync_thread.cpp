#include "supervisor/sync_thread.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <iterator>
#include <utility>

#include "ipc/held_signals.h"
#include "supervisor/short_slices.h"

namespace charter::supervisor {

SyncThread::SyncThread(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {
  const ipc::HeldSignals none;
  thread_ = std::thread([this] { loop(); });
}

SyncThread::~SyncThread() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  arrived_.notify_one();
  thread_.join();
}

void SyncThread::submit(std::unique_ptr<DiskJob> job) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(job));
  }
  arrived_.notify_one();
}

void SyncThread::loop() {
  ask_for_short_slices();
  std::vector<std::unique_ptr<DiskJob>> group;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      arrived_.wait(lock, [this] { return ending_ || !waiting_.empty(); });
      if (ending_) return;
      group.swap(waiting_);
    }
    for (auto& job : group) {
      job->work();
      // It may have left something out.
      if (ending_) return keep_rest(std::move(group));
      hand_back(std::move(job));
    }
    group.clear();
  }
}

// They are destroyed with this, not on the thread.
void SyncThread::keep_rest(std::vector<std::unique_ptr<DiskJob>> group) {
  const std::lock_guard lock(mutex_);
  std::ranges::move(group, std::back_inserter(waiting_));
}

void SyncThread::hand_back(std::unique_ptr<DiskJob> job) {
  boost::asio::post(executor_, [job = std::move(job)] { job->done(); });
}

}  // namespace charter::supervisor
