// A thread beside the event loop, for what would hold it up: the disk, or the making of a child.
// Work is done in order. The ledger has a thread of its own, because a client waits for it and for
// nothing else.
#pragma once

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace charter::supervisor {

// One piece of disk work. Destroyed on the loop's thread, or with the SyncThread.
class DiskJob {
 public:
  virtual ~DiskJob() = default;
  virtual void work() = 0;  // on the thread; touches nothing but the job's own members
  virtual void done() = 0;  // afterwards, on the event loop
};

class SyncThread {
 public:
  // `executor`: of the event loop, on which done() is called.
  explicit SyncThread(boost::asio::any_io_executor executor);
  // Waits for the piece of work under way; what has not begun is dropped, as if the daemon had been
  // killed. done() is not called any more.
  ~SyncThread();
  SyncThread(const SyncThread&) = delete;
  SyncThread& operator=(const SyncThread&) = delete;

  void submit(std::unique_ptr<DiskJob> job);

  // Whether nobody waits for more: work of many parts may leave out the rest. On any thread.
  [[nodiscard]] bool ending() const { return ending_; }

  // The same from two callables.
  template <class Work, class Done>
  void run(Work work, Done done) {
    submit(std::make_unique<Callables<Work, Done>>(std::move(work), std::move(done)));
  }

 private:
  template <class Work, class Done>
  class Callables final : public DiskJob {
   public:
    Callables(Work work, Done done) : work_(std::move(work)), done_(std::move(done)) {}
    void work() override { work_(); }
    void done() override { done_(); }

   private:
    Work work_;
    Done done_;
  };

  void loop();
  void keep_rest(std::vector<std::unique_ptr<DiskJob>> group);
  void hand_back(std::unique_ptr<DiskJob> job);

  boost::asio::any_io_executor executor_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<std::unique_ptr<DiskJob>> waiting_;
  std::atomic<bool> ending_ = false;  // set with the mutex held
  std::thread thread_;
};

}  // namespace charter::supervisor
