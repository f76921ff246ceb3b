// What the gateway says: read, routed, answered.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <unordered_set>

#include "supervisor/commands.h"
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

  void received(const Inbound& message);

 private:
  void handle(const RunStart& message);
  void handle(const RunResume& message);
  void handle(const RunCancel& message);
  void handle(const RunInput& message);
  void handle(const Malformed& message);
  void handle(const Ignored& message);

  void refused(const RunStart& message, const std::string& run_id, const Intake::Taken& taken);
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
