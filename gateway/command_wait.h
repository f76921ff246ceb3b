// Holds an answer back until a command has got as far as it will, or the time is over.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "gateway/api_types.h"
#include "gateway/hub.h"
#include "gateway/store_thread.h"

namespace charter::gateway {

class CommandWait : public std::enable_shared_from_this<CommandWait> {
 public:
  // `store` and `hub` outlive it. Answers once, with the command as it is then.
  CommandWait(StoreThread& store, Hub& hub, std::string command_id, std::chrono::seconds limit,
              Respond respond);

  void start();

 private:
  void look();
  void on_found(const ipc::Result<std::optional<CommandRow>>& found);
  [[nodiscard]] bool arrived(const CommandRow& command) const;
  void answer(ApiResponse response);

  StoreThread& store_;
  Hub& hub_;
  const std::string command_id_;
  const std::chrono::seconds limit_;
  boost::asio::steady_timer timer_;
  Topics::Subscription subscription_;
  Respond respond_;  // none after the answer
  bool subscribed_ = false;
  bool last_look_ = false;
};

}  // namespace charter::gateway
