#include "supervisor/decide.h"

namespace charter::supervisor {
namespace {

using Last = ipc::JournalSummary::Last;

bool begun_by_decision(const ipc::JournalSummary& journal) {
  return journal.opened && (journal.opened->cause == "resume" || journal.opened->cause == "input");
}

bool went_on(const Facts& facts, const ipc::JournalSummary& journal) {
  return facts.goes_on || (journal.opened && journal.opened->cause == "continue");
}

// Nobody ended it and it did not give up by itself.
bool by_accident(const ipc::JournalSummary& journal) {
  return !journal.exit || journal.exit->cause == "signal";
}

Action again(const Facts& facts, Action action) {
  return facts.fruitless_starts < kMaxFruitlessStarts ? action : Action::project_starts;
}

// Steps have begun. What had been finished is known unless some of the journal was set aside.
Action decide_lost(const Facts& facts, const ipc::JournalSummary& journal) {
  if (!facts.resume || journal.damaged || !by_accident(journal)) return Action::project_lost;
  return facts.stalled_bursts < kMaxStalledBursts ? Action::go_on : Action::project_stalled;
}

// The latest burst died before any of its steps began.
Action decide_fruitless(const Facts& facts, const ipc::JournalSummary& journal) {
  if (went_on(facts, journal)) return decide_lost(facts, journal);
  // A guardian that could write down how the engine ended has decided that the run is over, but
  // for a crash where runs go on.
  if (journal.exit && !(facts.resume && by_accident(journal))) return Action::project_lost;
  if (!begun_by_decision(journal)) return again(facts, Action::start_again);
  // What the ledger does not know cannot be repeated.
  if (!facts.decision) return decide_lost(facts, journal);
  return again(facts, Action::repeat_decision);
}

}  // namespace

bool leaves_processes(Action action) {
  switch (action) {
    case Action::project_lost:
    case Action::project_starts:
    case Action::project_stalled:
    case Action::project_cancel:
    case Action::go_on:
    case Action::start_again:
    case Action::repeat_decision:
      return true;
    case Action::queue:
    case Action::adopt:
    case Action::unreachable:
    case Action::pause:
    case Action::finish:
    case Action::kill:
    case Action::hold:
      return false;
  }
  return false;
}

Action decide(const Facts& facts, const ipc::JournalSummary& journal) {
  if (facts.damaged) return facts.locked ? Action::unreachable : Action::hold;
  if (!facts.in_ledger) {
    if (facts.locked) return Action::unreachable;
    return journal.last == Last::terminal ? Action::finish : Action::hold;
  }
  if (!facts.has_journal) return facts.cancel ? Action::project_cancel : Action::queue;
  if (facts.locked) return facts.cancel ? Action::kill : Action::adopt;
  if (journal.last == Last::terminal) return Action::finish;
  if (facts.cancel) return Action::project_cancel;
  // What there was to do is done, or has failed; only the last words are missing.
  if (journal.over && journal.last != Last::paused) return Action::project_lost;
  switch (journal.last) {
    case Last::none:
    case Last::opened:
      return decide_fruitless(facts, journal);
    case Last::paused:
      return facts.silent && facts.decision ? again(facts, Action::repeat_decision) : Action::pause;
    case Last::step_open:
    case Last::checkpoint:
    case Last::terminal:
      break;
  }
  return decide_lost(facts, journal);
}

}  // namespace charter::supervisor
