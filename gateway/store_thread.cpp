#include "gateway/store_thread.h"

#include <spdlog/spdlog.h>

#include <system_error>

#include "ipc/held_signals.h"

namespace charter::gateway {
namespace {

ipc::Error to_error(const DatabaseError& error) {
  const auto code = error.disk_full() ? std::errc::no_space_on_device : std::errc::io_error;
  return {std::make_error_code(code), error.what()};
}

}  // namespace

bool disk_full(const ipc::Error& error) { return error.code == std::errc::no_space_on_device; }

StoreThread::StoreThread(const std::string& directory, boost::asio::any_io_executor loop,
                         std::function<void(const std::string&)> fatal)
    : store_(std::make_unique<Store>(directory)),
      loop_(std::move(loop)),
      fatal_(std::move(fatal)) {}

StoreThread::~StoreThread() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void StoreThread::start() {
  const ipc::HeldSignals none;
  thread_ = std::thread([this] { serve(); });
}

bool StoreThread::stop(std::chrono::milliseconds limit) {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
  if (!thread_.joinable()) return true;
  if (!changed_.wait_for(lock, limit, [this] { return ended_; })) return false;
  lock.unlock();
  thread_.join();
  return true;
}

void StoreThread::enqueue(std::unique_ptr<Task> task) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(std::move(task));
    if (queue_.size() > 1) return;  // it has been told of the first
  }
  changed_.notify_one();
}

void StoreThread::serve() {
  while (true) {
    Group group;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) break;
      group.swap(queue_);
    }
    run_group(group);
    // The tasks go over whole: what they hold belongs to the loop and must end there.
    boost::asio::post(loop_, [group = std::move(group), outstanding = outstanding_] {
      for (const auto& task : group) {
        --*outstanding;
        task->finish();
      }
    });
  }
  store_.reset();
  const std::lock_guard lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

// False, with each task's error set, when the transaction did not come about.
bool StoreThread::try_transaction(std::span<std::unique_ptr<Task>> tasks) {
  try {
    store_->database.begin();
    for (const auto& task : tasks) task->run(*store_);
    store_->database.commit();
    for (const auto& task : tasks) task->error.reset();
    return true;
  } catch (const DatabaseError& error) {
    store_->database.rollback();
    store_->intake.forget();
    for (const auto& task : tasks) task->error = to_error(error);
    if (error.fatal() && !fatal_told_) {
      fatal_told_ = true;
      boost::asio::post(loop_, [this, what = std::string(error.what())] { fatal_(what); });
    }
    return false;
  }
}

void StoreThread::run_group(Group& group) {
  if (fatal_told_) {
    for (const auto& task : group) task->error = ipc::plain_error("the database has failed");
    return;
  }
  if (try_transaction(group) || group.size() == 1 || fatal_told_) return;
  // One task spoilt it for all: give each a transaction of its own. On a full disk those that
  // only read succeed.
  for (auto& task : group) (void)try_transaction({&task, 1});
}

}  // namespace charter::gateway
