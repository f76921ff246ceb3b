#include "supervisor/ledger_state.h"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>

namespace charter::supervisor {

const ipc::CommandDone* LedgerRun::outcome_of(std::uint64_t number) const {
  const auto found =
      std::find_if(outcomes.begin(), outcomes.end(),
                   [number](const ipc::CommandDone& outcome) { return outcome.number == number; });
  return found == outcomes.end() ? nullptr : &*found;
}

void LedgerState::apply(ipc::LedgerRecord record) {
  std::visit(
      [this](auto&& body) {
        using Body = std::decay_t<decltype(body)>;
        if constexpr (std::is_same_v<Body, ipc::Place>) {
          place = std::move(body);
        } else if constexpr (std::is_same_v<Body, ipc::Accepted>) {
          accept(std::move(body));
        } else if constexpr (std::is_same_v<Body, ipc::Command>) {
          command(std::move(body));
        } else if constexpr (std::is_same_v<Body, ipc::CommandDone>) {
          finish(std::move(body));
        } else if constexpr (std::is_same_v<Body, ipc::Spawned>) {
          std::string id = body.run_id;
          runs[std::move(id)].spawned = std::move(body);
        } else if constexpr (std::is_same_v<Body, ipc::Cursor>) {
          // Of a run that was forgotten a last one may come late, and its id be used again.
          const auto known = runs.find(body.run_id);
          if (known != runs.end()) known->second.cursor = std::move(body);
        } else if constexpr (std::is_same_v<Body, ipc::Closed>) {
          std::string id = body.run_id;
          runs[std::move(id)].closed = std::move(body);
        } else if constexpr (std::is_same_v<Body, ipc::Forgotten>) {
          runs.erase(body.run_id);
        } else {
          start(std::move(body));
        }
      },
      std::move(record.body));
}

void LedgerState::accept(ipc::Accepted accepted) {
  next_order = std::max(next_order, accepted.order + 1);
  if (!accepted.command_id.empty()) {
    ipc::Started started;
    started.command_id = accepted.command_id;
    started.run_id = accepted.run_id;
    start(std::move(started));
  }
  std::string id = accepted.run_id;
  runs[std::move(id)].accepted = std::move(accepted);
}

void LedgerState::command(ipc::Command command) {
  next_number = std::max(next_number, command.number + 1);
  auto& known = runs[command.run_id].commands;
  const auto place_of = std::lower_bound(
      known.begin(), known.end(), command.number,
      [](const ipc::Command& one, std::uint64_t number) { return one.number < number; });
  if (place_of != known.end() && place_of->number == command.number) return;
  known.insert(place_of, std::move(command));
}

void LedgerState::finish(ipc::CommandDone outcome) {
  // A note of a command that no record tells of any more: its number stays used.
  next_number = std::max(next_number, outcome.number + 1);
  LedgerRun& run = runs[outcome.run_id];
  if (run.outcome_of(outcome.number) == nullptr) run.outcomes.push_back(std::move(outcome));
}

void LedgerState::start(ipc::Started started) {
  // Two records of one group tell of it (Intake).
  if (!starts.empty() && starts.back().command_id == started.command_id) return;
  starts.push_back(std::move(started));
  if (starts.size() > kKeptStarts) starts.pop_front();
}

}  // namespace charter::supervisor
