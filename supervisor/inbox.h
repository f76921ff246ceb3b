// What the gateway says: read, routed, answered.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <unordered_set>

#include "supervisor/commands.h"
#include "supervisor/gateway_load.h"
#include "supervisor/intake.h"
#include "supervisor/ledger.h"
#include "supervisor/link/messages.h"
#include "supervisor/started_commands.h"

namespace charter::supervisor {

class Inbox {
 public:
  struct Settings {
    std::chrono::milliseconds kill_grace;
  };
  Inbox(Settings settings, Ledger& ledger, Intake& intake, Commands& commands,
        StartedCommands& started, std::function<void(CommandAnswer)> answer);

  // Keeps `held` until the message is answered, or done with.
  void received(Inbound message, const GatewayLoad::Held& held);

 private:
  using Held = GatewayLoad::Held;
  void handle(RunStart message, const Held& held);
  void handle(RunResume message, const Held& held);
  void handle(RunCancel message, const Held& held);
  void handle(RunInput message, const Held& held);
  void handle(Malformed message, const Held& held);
  void handle(const Ignored& message, const Held& held);

  void refused(const std::string& command_id, const std::string& run_id, const Intake::Taken& taken,
               const Held& held);
  void answer_start(const ipc::Started& started);
  void answer(const std::string& run_id, const std::string& command_id,
              const CommandRefusal& refusal);

  Settings settings_;
  Ledger& ledger_;
  Intake& intake_;
  Commands& commands_;
  StartedCommands& started_;
  std::function<void(CommandAnswer)> answer_;
  std::unordered_set<std::string> under_way_;  // command ids of starts not answered yet
};

}  // namespace charter::supervisor
