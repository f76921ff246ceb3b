// Takes on new runs, from whichever side they come: checks the id, asks `prepare`, writes the
// promise down, and only then answers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ipc/layout.h"
#include "ipc/prepare.h"
#include "supervisor/ledger.h"
#include "supervisor/preparer.h"
#include "supervisor/registry.h"
#include "supervisor/sandbox_policy.h"

namespace charter::supervisor {

// Why something was not taken on.
struct Refusal {
  std::string code;
  std::string message;
  bool names_run = true;  // a command.result carries the run's id
};

class Intake {
 public:
  struct Taken {
    RunPtr run;  // null when refused
    std::optional<Refusal> refusal;
  };
  using Done = std::function<void(const Taken&)>;

  struct Order {
    std::string run_id;
    ipc::PrepareRequest question;
    // A run.start's command, whose answer is written down with the run.
    std::optional<std::string> command_id;
    std::string on_lost{};        // fail or resume; empty: the daemon's
    std::string retry_of{};       // the run it goes on from, or empty
    std::string workflow_path{};  // of a retry: its plan's file, as announced
    bool sandbox = false;         // wanted, whatever holds for every run
  };

  // `accepted` is called after the answer: the run may begin.
  Intake(const ipc::Layout& layout, Ledger& ledger, Registry& registry, Preparer& preparer,
         const SandboxPolicy& sandbox, std::function<void(const RunPtr&)> accepted);

  // Calls `done` once, when the run is on disk or refused.
  void take(Order order, Done done);
  // Takes on a run that waits in a state file we did not write. Who asks for it meanwhile gets the
  // same run.
  void adopt_paused(const std::string& run_id, Done done);

  // `expect` is called as soon as it is known that a run of this very project, in no sandbox, will
  // need an interpreter.
  void when_python(std::function<void()> expect) { expect_python_ = std::move(expect); }

  // From now on everything is refused with this.
  void refuse_all(Refusal refusal) { refuse_all_ = std::move(refusal); }
  void accept_again() { refuse_all_.reset(); }
  // The same of new runs alone, until it is called without a reason. What waits in a state file can
  // still be taken on.
  void refuse_new(std::optional<Refusal> refusal) { refuse_new_ = std::move(refusal); }
  void continue_orders_from(std::uint64_t next) { next_order_ = next; }
  // The next place in the queue, for a run that is taken on without being asked for.
  [[nodiscard]] std::uint64_t take_order() { return next_order_++; }

 private:
  struct Pending;
  [[nodiscard]] std::optional<Refusal> check_id(const std::string& id) const;
  void prepared(const std::shared_ptr<Pending>& pending, const Verdict& verdict);
  void write_down(const std::shared_ptr<Pending>& pending, ipc::Accepted accepted);
  void written(const std::shared_ptr<Pending>& pending, const ipc::Result<void>& result);
  void refuse(const std::shared_ptr<Pending>& pending, Refusal refusal);

  const ipc::Layout& layout_;
  Ledger& ledger_;
  Registry& registry_;
  Preparer& preparer_;
  const SandboxPolicy& sandbox_;
  std::function<void(const RunPtr&)> accepted_;
  std::function<void()> expect_python_;
  std::optional<Refusal> refuse_all_;
  std::optional<Refusal> refuse_new_;
  std::uint64_t next_order_ = 1;
  std::unordered_map<std::string, std::vector<Done>> adopting_;
};

// What an error of writing means to whoever asked.
[[nodiscard]] Refusal refusal_of(const ipc::Error& error);

// The words of a refusal that is kept for repeats: at most so many bytes, whatever the command had
// them repeat. What is wrong with a start may be a long list, and those are bounded together.
inline constexpr std::size_t kMostWords = 8U << 10;
inline constexpr std::size_t kMostWordsOfAStart = 512U << 10;
[[nodiscard]] std::string kept_words(std::string words, std::size_t most = kMostWords);

// A random UUID (version 4), as Python's uuid4 writes it.
[[nodiscard]] std::string random_uuid();

}  // namespace charter::supervisor
