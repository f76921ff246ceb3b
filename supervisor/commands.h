// Commands to runs, from gateway and client: written down before they take effect, once each.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ipc/layout.h"
#include "supervisor/conductor.h"
#include "supervisor/intake.h"
#include "supervisor/ledger.h"
#include "supervisor/link/messages.h"
#include "supervisor/preparer.h"
#include "supervisor/registry.h"
#include "supervisor/sandbox_policy.h"

namespace charter::supervisor {

// What a command is answered: nothing when it was accepted (now, or before under the same id).
using CommandRefusal = std::optional<Refusal>;

class Commands {
 public:
  using Done = std::function<void(const CommandRefusal&)>;

  Commands(const ipc::Layout& layout, Ledger& ledger, Registry& registry, Preparer& preparer,
           Intake& intake, Conductor& conductor, const SandboxPolicy& sandbox)
      : layout_(layout),
        ledger_(ledger),
        registry_(registry),
        preparer_(preparer),
        intake_(intake),
        conductor_(conductor),
        sandbox_(sandbox) {}

  struct Decision {
    std::string run_id;
    bool approved = false;
    std::optional<std::string> note;
    std::string command_id;       // empty: none
    std::int64_t asker_uid = -1;  // -1: the gateway
    PauseName pause = {};
  };
  // Approves or refuses the gate a run waits at. A run nobody handed to us whose state file waits
  // is taken on first.
  void decide(Decision decision, Done done);

  struct Cancellation {
    std::string run_id;
    std::optional<std::string> note;
    std::string command_id;
    std::int64_t asker_uid = -1;
    std::uint64_t grace_ms = 0;
    bool by_client = false;  // `kill` rather than run.cancel
  };
  // Ends a run wherever it is. A client's kill goes on even when it cannot be written down.
  void cancel(Cancellation cancellation, Done done);

  struct Submission {
    std::string run_id;
    std::string input;            // JSON: {"kind":"form","answers":{...}}
    std::string command_id;       // empty: none
    std::int64_t asker_uid = -1;  // -1: the gateway
    PauseName pause = {};
  };
  // Answers the form a run waits at, once `prepare` has found the answers right.
  void submit(Submission submission, Done done);

  void continue_numbers_from(std::uint64_t next) { next_number_ = next; }

 private:
  [[nodiscard]] bool joins(const RunPtr& run, const std::string& command_id, Done& done);
  void decide_known(const RunPtr& run, Decision decision, Done done);
  void submit_known(const RunPtr& run, Submission submission, Done done);
  void in_turn(const RunPtr& run, std::function<void()> judging);
  void take_next(const RunPtr& run);
  void judge(const RunPtr& run, Decision decision, Done done);
  void judge(const RunPtr& run, Submission submission, Done done);
  void submission_checked(const RunPtr& run, Submission submission, const Verdict& verdict,
                          Done done);
  void write_decision(const RunPtr& run, ipc::Command command, Done done);
  void refuse(const RunPtr& run, const char* kind, const std::string& command_id, Refusal refusal,
              const Done& done);
  void accepted(const RunPtr& run, const ipc::Command& command);

  const ipc::Layout& layout_;
  Ledger& ledger_;
  Registry& registry_;
  Preparer& preparer_;
  Intake& intake_;
  Conductor& conductor_;
  const SandboxPolicy& sandbox_;
  std::uint64_t next_number_ = 1;
  // Whoever waits for the answer to a decision or an input, by run and command id.
  std::map<std::pair<std::string, std::string>, std::vector<Done>> under_way_;
  // Decisions that wait for one upon the same run, by its id.
  std::map<std::string, std::deque<std::function<void()>>> waiting_;
};

}  // namespace charter::supervisor
