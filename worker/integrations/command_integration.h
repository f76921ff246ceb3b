// One capability of kind `subprocess`: a process of its own for a burst of the run, set up before
// the first step and torn down after the last.
//
// An answer with an error keeps the process. One that came too late, a broken conversation or an
// ended process does not: the next attempt starts it again, and numbers its requests on.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ipc/error.h"
#include "worker/attention.h"
#include "worker/integrations/channel.h"
#include "worker/integrations/integration.h"
#include "worker/integrations/message.h"
#include "worker/json/value.h"
#include "worker/limits.h"

namespace charter::worker {

class CommandIntegration : public Integration {
 public:
  struct Definition {
    std::vector<std::string> command;
    std::vector<std::string> environment;
    std::string run_id;
    Limits limits;
    Mask mask;
    Errors errors;
  };

  CommandIntegration(std::string uses, Definition definition, Attention& attention, Started started)
      : Integration(std::move(uses)),
        definition_(std::move(definition)),
        attention_(attention),
        started_(std::move(started)) {}

  // Starts the process and waits for its consent.
  ipc::Result<void> set_up() override { return start(kNever); }
  ipc::Result<Value> execute(std::string_view params, std::int64_t deadline_ms) override;
  [[nodiscard]] bool late() const override { return late_; }
  [[nodiscard]] bool lost() const override { return !channel_; }
  // Ends the process, with notice.
  void tear_down() override;

  [[nodiscard]] bool owns(pid_t pid) const override { return channel_ && channel_->pid() == pid; }

 private:
  ipc::Result<void> start(std::int64_t deadline_ms);
  ipc::Result<Object> call(std::string_view method, std::string_view params,
                           std::int64_t deadline_ms, std::int64_t limit_ms);
  [[nodiscard]] ipc::Error about(const std::string& what) const;
  void abandon();

  Definition definition_;
  Attention& attention_;
  Started started_;
  std::unique_ptr<Channel> channel_;
  std::uint64_t requests_ = 0;
  bool late_ = false;
};

}  // namespace charter::worker
