// The one thread that works on the store. Tasks are taken in groups; a group is one transaction,
// and nobody hears of a task before its transaction is on disk. So the event loop never waits for
// the disk, and the more there is to do, the more shares one sync.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "gateway/store.h"
#include "ipc/error.h"

namespace charter::gateway {

// Errors of tasks for decisions: the disk is full, so the same may succeed later.
[[nodiscard]] bool disk_full(const ipc::Error& error);

class StoreThread {
 public:
  // Opens the store on the caller's thread; throws std::runtime_error. Results are handed to
  // `loop`; `fatal` is called there once when the database can no longer be believed.
  StoreThread(const std::string& directory, boost::asio::any_io_executor loop,
              std::function<void(const std::string&)> fatal);
  ~StoreThread();
  StoreThread(const StoreThread&) = delete;
  StoreThread& operator=(const StoreThread&) = delete;

  // Before `start`: the store, on the caller's thread.
  [[nodiscard]] Store& store() { return *store_; }
  void start();
  // Whether everything submitted has been answered.
  [[nodiscard]] bool idle() const { return *outstanding_ == 0; }
  // Finishes the group under way, drops the rest, closes the database; false when that took
  // longer than `limit`, and the thread still runs.
  bool stop(std::chrono::milliseconds limit);

  // `work(Store&)` runs on the store's thread, perhaps more than once, inside a transaction;
  // `done(ipc::Result<its result>)` runs on the loop after the commit. Loop only.
  template <class Work, class Done>
  void submit(Work work, Done done) {
    ++*outstanding_;
    enqueue(std::make_unique<Bound<Work, Done>>(std::move(work), std::move(done)));
  }

 private:
  class Task {
   public:
    virtual ~Task() = default;
    virtual void run(Store& store) = 0;
    virtual void finish() = 0;  // on the loop
    std::optional<ipc::Error> error;
  };

  template <class Work, class Done>
  class Bound final : public Task {
   public:
    Bound(Work work, Done done) : work_(std::move(work)), done_(std::move(done)) {}
    void run(Store& store) override { value_.emplace(work_(store)); }
    void finish() override {
      if (error) {
        done_(ipc::Result<Value>(std::move(*error)));
      } else {
        done_(ipc::Result<Value>(std::move(*value_)));
      }
    }

   private:
    using Value = std::invoke_result_t<Work&, Store&>;
    Work work_;
    Done done_;
    std::optional<Value> value_;
  };

  using Group = std::vector<std::unique_ptr<Task>>;

  void enqueue(std::unique_ptr<Task> task);
  void serve();
  [[nodiscard]] bool try_transaction(std::span<std::unique_ptr<Task>> tasks);
  void run_group(Group& group);

  std::unique_ptr<Store> store_;
  boost::asio::any_io_executor loop_;
  std::function<void(const std::string&)> fatal_;
  bool fatal_told_ = false;                                                      // store's thread
  std::shared_ptr<std::size_t> outstanding_ = std::make_shared<std::size_t>(0);  // loop

  std::mutex mutex_;
  std::condition_variable changed_;
  Group queue_;  // under the mutex, like the next two
  bool stopping_ = false;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace charter::gateway
