#include "supervisor/decide.h"

namespace charter::supervisor {
namespace {

using Last = ipc::JournalSummary::Last;

bool begun_by_decision(const ipc::JournalSummary& journal) {
  return journal.opened && (journal.opened->cause == "resume" || journal.opened->cause == "input");
}

Action again(const Facts& facts, Action action) {
  return facts.fruitless_starts < kMaxFruitlessStarts ? action : Action::project_starts;
}

// The latest burst died before any of its steps began.
Action decide_fruitless(const Facts& facts, const ipc::JournalSummary& journal) {
  if (!begun_by_decision(journal)) return again(facts, Action::start_again);
  // What the ledger does not know cannot be repeated.
  if (!facts.decision) return Action::project_lost;
  return again(facts, Action::repeat_decision);
}

}  // namespace

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
  switch (journal.last) {
    case Last::none:
      return journal.exit ? Action::project_lost : decide_fruitless(facts, journal);
    case Last::opened:
      // A guardian that could write down how the engine ended has decided that the run is over.
      return journal.exit ? Action::project_lost : decide_fruitless(facts, journal);
    case Last::paused:
      return facts.silent && facts.decision ? again(facts, Action::repeat_decision) : Action::pause;
    case Last::step_open:
    case Last::checkpoint:
    case Last::terminal:
      break;
  }
  return Action::project_lost;
}

}  // namespace charter::supervisor
