// Bounds the database: runs that have ended go with their events and commands once they are old, or
// when all of them take too much. Runs that have not ended stay, whatever their age. Space that
// they leave goes back to the disk.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>

#include "gateway/retention_settings.h"
#include "gateway/store_thread.h"

namespace charter::gateway {

// Removes up to a batch of what `settings` do not keep; whether there may be more. Inside a
// transaction.
bool remove_old(Store& store, const RetentionSettings& settings, std::int64_t now_us);

// Cuts up to a batch of unused pages off the file, down to those that new events will soon want;
// whether there may be more. Inside a transaction. Files of a gateway that did not ask for it when
// they were made stay as large as they are.
bool give_back(Database& database);

// Does so once a minute, batch by batch, so that messages of daemons never wait long for it.
class Retention {
 public:
  Retention(boost::asio::any_io_executor loop, StoreThread& store, RetentionSettings settings);
  void start();
  void stop();

 private:
  void look_after(std::chrono::milliseconds time);
  void look();

  boost::asio::steady_timer timer_;
  StoreThread& store_;
  RetentionSettings settings_;
};

}  // namespace charter::gateway
