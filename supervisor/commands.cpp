#include "supervisor/commands.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "supervisor/burst.h"
#include "supervisor/log.h"

namespace charter::supervisor {
namespace {

// How many refusals of commands with an id a run keeps for repeats.
constexpr std::ptrdiff_t kKeptRefusals = 1000;

template <class Commands>
bool has(const Commands& commands, const std::string& command_id) {
  return !command_id.empty() && std::any_of(commands.begin(), commands.end(), [&](const auto& one) {
    return one.command_id == command_id;
  });
}

// What no run comes to.
constexpr std::uint32_t kNoPause = std::numeric_limits<std::uint32_t>::max();

// Whether the run has answered a command with this id, or has it before it.
bool seen(const Run& run, const std::string& command_id) {
  return has(run.commands, command_id) || has(run.answered, command_id);
}

// Paused, or about to be: an answer to a pause that is known may come before its burst has closed.
bool waits(const Run& run) {
  if (run.state == RunState::paused) return true;
  return run.state == RunState::ending && run.burst != nullptr && !run.burst->projecting &&
         run.burst->summary.last == ipc::JournalSummary::Last::paused;
}

Refusal not_paused(const Run& run) {
  return {"not_paused",
          fmt::format("Run '{}' is not paused (state: '{}')", run.id, name_of(run.state))};
}

bool undecided(const Run& run) {
  return run.decision() == nullptr && run.cancellation() == nullptr && !run.decision_under_way;
}

// A command that names a pause is for that one: a latecomer is refused as such, and one that is
// early has nothing to answer yet.
CommandRefusal pause_refusal(const Run& run, const PauseName& named) {
  if (named.number > run.pauses) {
    return Refusal{"not_paused",
                   fmt::format("Run '{}' has not come to pause {}", run.id, named.number)};
  }
  const bool past = named.number != 0 && named.number < run.pauses;
  const bool elsewhere = !named.step.empty() && named.step != run.step;
  const bool names = named.number != 0 || !named.step.empty();
  if (past || elsewhere || (names && (!waits(run) || !undecided(run)))) {
    return Refusal{
        "pause_over",
        named.step.empty()
            ? fmt::format("Pause {} of run '{}' is over", named.number, run.id)
            : fmt::format("Run '{}' does not wait at '{}' any more", run.id, named.step)};
  }
  return std::nullopt;
}

// The answer a repeated command gets: the one it got. One that came to nothing after it had been
// accepted has no message.
CommandRefusal first_answer(const std::vector<AnsweredCommand>& answered,
                            const std::string& command_id) {
  for (const AnsweredCommand& one : answered) {
    if (one.command_id == command_id && !one.ok && !one.message.empty()) {
      return Refusal{one.code, one.message};
    }
  }
  return std::nullopt;
}

// Why the gate the run waits at, if it does, cannot be decided at present.
CommandRefusal decision_refusal(const Run& run, const PauseName& named) {
  if (auto refusal = pause_refusal(run, named)) return refusal;
  if (!waits(run)) return not_paused(run);
  if (run.waits_at == PauseKind::input) {
    return Refusal{"not_paused", fmt::format("Run '{}' waits at an input step '{}', not at a gate",
                                             run.id, run.step)};
  }
  if (!undecided(run)) {
    return Refusal{"not_paused", fmt::format("Run '{}' was already decided upon", run.id)};
  }
  return std::nullopt;
}

// A run ends once: of further cancellations nothing is kept but the ids of the first, for repeats.
bool is_superfluous(const Run& run, const ipc::Command& cancellation) {
  if (cancellation.kind != "cancel" || run.cancellation() == nullptr) return false;
  return cancellation.command_id.empty() || run.commands.size() >= kKeptAnswers;
}

void forget_oldest_refusal(std::vector<AnsweredCommand>& answered) {
  const auto refused = [](const AnsweredCommand& one) { return !one.ok; };
  if (std::count_if(answered.begin(), answered.end(), refused) <= kKeptRefusals) return;
  answered.erase(std::find_if(answered.begin(), answered.end(), refused));
}

// In the words of the Python daemon, which gateways know; here and below.
Refusal not_tracked(const std::string& run_id) {
  return {"not_waiting_for_input", fmt::format("Run '{}' is not tracked by this worker", run_id)};
}

// Why the run takes no form input at present.
CommandRefusal input_refusal(const Run& run) {
  const char* code = "not_waiting_for_input";
  const bool untold = run.state == RunState::queued;
  if (untold || is_terminal(run.wire) || run.state == RunState::finished) {
    return not_tracked(run.id);
  }
  if (run.waits_at == PauseKind::gate && waits(run)) {
    return Refusal{code, fmt::format("Run '{}' is waiting at approval gate '{}', not an input step",
                                     run.id, run.step)};
  }
  if (!waits(run) || !undecided(run)) {
    return Refusal{code,
                   fmt::format("Run '{}' is still executing and not waiting for input", run.id)};
  }
  if (run.waits_at != PauseKind::input) {
    return Refusal{code, fmt::format("Run '{}' is not waiting at an input step", run.id)};
  }
  return std::nullopt;
}

Refusal already_finished(const std::string& run_id) {
  return {"already_finished", fmt::format("Run '{}' has finished", run_id)};
}

Refusal unknown(const std::string& run_id) {
  return {"unknown_run", fmt::format("No run '{}'", run_id)};
}

}  // namespace

void Commands::decide(Decision decision, Done done) {
  if (const RunPtr run = registry_.find(decision.run_id)) {
    decide_known(run, std::move(decision), std::move(done));
    return;
  }
  if (const FinishedRun* finished = registry_.find_finished(decision.run_id)) {
    if (has(finished->answered, decision.command_id)) {
      return done(first_answer(finished->answered, decision.command_id));
    }
    const bool names = decision.pause.number != 0 || !decision.pause.step.empty();
    done(Refusal{names ? "pause_over" : "not_paused",
                 fmt::format("Run '{}' is not paused (status: '{}')", finished->id,
                             name_of(finished->wire))});
    return;
  }
  intake_.adopt_paused(decision.run_id, [this, decision, done](const Intake::Taken& taken) {
    if (taken.run == nullptr) {
      done(taken.refusal->code == "unknown_run" ? unknown(decision.run_id) : *taken.refusal);
      return;
    }
    decide_known(taken.run, decision, done);
  });
}

// A repeat of a command that is still being looked at gets the answer when that has it.
bool Commands::joins(const RunPtr& run, const std::string& command_id, Done& done) {
  if (command_id.empty()) return false;
  std::pair key(run->id, command_id);
  const auto [waiting, fresh] = under_way_.try_emplace(key);
  waiting->second.push_back(std::move(done));
  if (!fresh) return true;
  done = [this, key = std::move(key)](const CommandRefusal& refusal) {
    const auto all = under_way_.extract(key);
    for (const Done& one : all.mapped()) one(refusal);
  };
  return false;
}

void Commands::decide_known(const RunPtr& run, Decision decision, Done done) {
  if (seen(*run, decision.command_id))
    return done(first_answer(run->answered, decision.command_id));
  if (joins(run, decision.command_id, done)) return;
  in_turn(run, [this, run, decision = std::move(decision), done = std::move(done)] {
    judge(run, decision, done);
  });
}

// Of two decisions upon one pause the second is judged by what became of the first, and not before
// that is known: the first may be refused.
void Commands::in_turn(const RunPtr& run, std::function<void()> judging) {
  if (!run->decision_under_way) return judging();
  waiting_[run->id].push_back(std::move(judging));
}

void Commands::take_next(const RunPtr& run) {
  while (!run->decision_under_way) {
    const auto waiting = waiting_.find(run->id);
    if (waiting == waiting_.end()) return;
    const auto judging = std::move(waiting->second.front());
    waiting->second.pop_front();
    if (waiting->second.empty()) waiting_.erase(waiting);
    judging();
  }
}

void Commands::judge(const RunPtr& run, Decision decision, Done done) {
  const char* const kind = decision.approved ? "approve" : "refuse";
  if (auto refusal = decision_refusal(*run, decision.pause)) {
    return refuse(run, kind, decision.command_id, std::move(*refusal), done);
  }
  ipc::Command command;
  command.run_id = run->id;
  command.number = next_number_++;
  command.command_id = std::move(decision.command_id);
  command.kind = kind;
  command.note = std::move(decision.note);
  command.asker_uid = decision.asker_uid;
  write_decision(run, std::move(command), std::move(done));
}

void Commands::write_decision(const RunPtr& run, ipc::Command command, Done done) {
  command.pause = run->pauses;
  run->decision_under_way = true;
  ledger_.append({0, command}, [this, run, command, done = std::move(done)](const auto& result) {
    run->decision_under_way = false;
    if (result) {
      done(std::nullopt);
      accepted(run, command);
    } else {
      done(refusal_of(result.error()));
    }
    take_next(run);
  });
}

// A refusal is an answer too, and the one a repeat gets, after a restart as well. Where a loss of
// power leaves the command without its outcome, it is for no pause.
void Commands::refuse(const RunPtr& run, const char* kind, const std::string& command_id,
                      Refusal refusal, const Done& done) {
  // What failed for no fault of the command may be tried again.
  if (command_id.empty() || refusal.code == "internal_error") return done(std::move(refusal));
  ipc::Command command;
  command.run_id = run->id;
  command.number = next_number_++;
  command.command_id = command_id;
  command.kind = kind;
  command.pause = kNoPause;
  refusal.message = kept_words(std::move(refusal.message));
  run->answered.push_back({command.number, command_id, kind, false, refusal.code, refusal.message});
  forget_oldest_refusal(run->answered);
  ipc::CommandDone outcome{run->id, command.number, false, refusal.code, refusal.message};
  std::vector<ipc::LedgerRecord> records;
  records.push_back({0, std::move(command)});
  records.push_back({0, std::move(outcome)});
  // Nothing hangs on it when it cannot be written down.
  ledger_.append(std::move(records),
                 [done, refusal = std::move(refusal)](const ipc::Result<void>&) { done(refusal); });
}

void Commands::cancel(Cancellation cancellation, Done done) {
  const RunPtr run = registry_.find(cancellation.run_id);
  if (run == nullptr) {
    const FinishedRun* finished = registry_.find_finished(cancellation.run_id);
    if (finished == nullptr) return done(unknown(cancellation.run_id));
    if (has(finished->answered, cancellation.command_id)) return done(std::nullopt);
    return done(already_finished(cancellation.run_id));
  }
  if (seen(*run, cancellation.command_id)) return done(std::nullopt);
  if (joins(run, cancellation.command_id, done)) return;
  if (run->state == RunState::finished) {
    return done(already_finished(run->id));
  }
  if (run->state == RunState::held) {
    return done(Refusal{"held", fmt::format("Run '{}' is held and has no worker", run->id)});
  }
  ipc::Command command;
  command.run_id = run->id;
  command.number = next_number_++;
  command.command_id = std::move(cancellation.command_id);
  command.kind = cancellation.by_client ? "kill" : "cancel";
  command.note = std::move(cancellation.note);
  command.asker_uid = cancellation.asker_uid;
  command.grace_ms = cancellation.grace_ms;
  command.pause = run->pauses;
  if (is_superfluous(*run, command)) return done(std::nullopt);
  ledger_.append({0, command}, [this, run, command, done = std::move(done)](const auto& result) {
    if (!result && command.kind != "kill") return done(refusal_of(result.error()));
    if (!result) {
      log::warning("The kill of run {} is carried out but not written down: {}", run->id,
                   result.error().message());
    }
    done(std::nullopt);
    accepted(run, command);
  });
}

void Commands::accepted(const RunPtr& run, const ipc::Command& command) {
  if (run->state == RunState::finished) {
    // While it was written down. A repeat gets the answer that was given.
    if (!command.command_id.empty()) {
      registry_.add_answer(run, {command.number, command.command_id, command.kind, true, {}, {}});
    }
    return;
  }
  if (is_superfluous(*run, command)) return;
  const bool repeats = command.kind == "cancel" && run->cancellation() != nullptr;
  run->commands.push_back(command);
  if (repeats) run->commands.back().note.reset();  // that of the first is told
  conductor_.command_accepted(run);
}

void Commands::submit(Submission submission, Done done) {
  if (const RunPtr run = registry_.find(submission.run_id)) {
    submit_known(run, std::move(submission), std::move(done));
    return;
  }
  if (const FinishedRun* finished = registry_.find_finished(submission.run_id)) {
    if (has(finished->answered, submission.command_id)) {
      return done(first_answer(finished->answered, submission.command_id));
    }
    return done(not_tracked(submission.run_id));
  }
  intake_.adopt_paused(submission.run_id, [this, submission, done](const Intake::Taken& taken) {
    if (taken.run != nullptr) return submit_known(taken.run, submission, done);
    const bool unknown = taken.refusal->code == "unknown_run";
    done(unknown ? not_tracked(submission.run_id) : *taken.refusal);
  });
}

void Commands::submit_known(const RunPtr& run, Submission submission, Done done) {
  if (seen(*run, submission.command_id))
    return done(first_answer(run->answered, submission.command_id));
  if (joins(run, submission.command_id, done)) return;
  in_turn(run, [this, run, submission = std::move(submission), done = std::move(done)] {
    judge(run, submission, done);
  });
}

void Commands::judge(const RunPtr& run, Submission submission, Done done) {
  auto refusal = pause_refusal(*run, submission.pause);
  if (!refusal) refusal = input_refusal(*run);
  if (refusal) return refuse(run, "input", submission.command_id, std::move(*refusal), done);
  ipc::PrepareRequest question;
  question.kind = ipc::PrepareRequest::Kind::input;
  question.workflow_path = run->layout(layout_).state_file(run->id);
  question.variables = submission.input;
  sandbox_.put_into(question, run->sandbox, run->layout(layout_));
  run->decision_under_way = true;
  preparer_.prepare(std::move(question), [this, run, submission = std::move(submission),
                                          done = std::move(done)](const Verdict& verdict) {
    run->decision_under_way = false;
    submission_checked(run, submission, verdict, done);
    take_next(run);
  });
}

// A cancellation may have come while the answers were looked at.
void Commands::submission_checked(const RunPtr& run, Submission submission, const Verdict& verdict,
                                  Done done) {
  auto refusal =
      verdict->ok ? input_refusal(*run) : CommandRefusal(Refusal{verdict->code, verdict->message});
  if (refusal) return refuse(run, "input", submission.command_id, std::move(*refusal), done);
  ipc::Command command;
  command.run_id = run->id;
  command.number = next_number_++;
  command.command_id = std::move(submission.command_id);
  command.kind = "input";
  command.input = std::move(submission.input);
  command.asker_uid = submission.asker_uid;
  write_decision(run, std::move(command), std::move(done));
}

}  // namespace charter::supervisor
