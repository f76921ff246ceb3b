// stop and drain: how a daemon ends, at once or when its runs have.
#include "client/commands.h"
#include "client/control.h"
#include "client/daemon_end.h"

namespace charter::client {
namespace {

constexpr std::int64_t kDrainLookMs = 1'000;
constexpr std::int64_t kStayLookMs = 200;
constexpr std::int64_t kDrainAnswerMs = 5'000;
constexpr std::int64_t kDeliverMs = 15'000;      // for a daemon that only delivers what it has
constexpr std::int64_t kStopMs = 10'000;         // for the process to end after its answer
constexpr std::int64_t kStopRunsMs = 3'600'000;  // for runs with a long grace to end before it

std::string stop_text(const Fields& answer) {
  const auto count = [&answer](std::string_view key) { return answer.number(key).value_or(0); };
  const auto executing = count("executing");
  std::string text = "The daemon has stopped.";
  if (executing > 0) text += " Executing runs that go on: " + std::to_string(executing) + ".";
  const auto waiting = count("queued") + count("paused");
  if (waiting > 0) {
    text += " Kept for the next start: " + std::to_string(count("queued")) + " queued, " +
            std::to_string(count("paused")) + " paused.";
  }
  return text + "\n";
}

std::string counts_json(const Fields& answer) {
  return R"({"executing":)" + std::string(answer.raw("executing")) + R"(,"queued":)" +
         std::string(answer.raw("queued")) + R"(,"paused":)" + std::string(answer.raw("paused")) +
         "}\n";
}

// Until the daemon has ended or, where it stays, until nothing executes any more. Asking may start
// the next one when this one is just gone, so who waits for its end asks seldom.
Expected<void> wait_until_drained(const Target& target, const DaemonEnd& end, bool stay) {
  std::int64_t asked_pid = 0;
  std::int64_t look_ms = 0;
  while (!end.within(look_ms)) {
    look_ms = stay ? kStayLookMs : kDrainLookMs;
    const auto status = ask(target, Request("status"), in_ms(kDrainAnswerMs));
    if (!status) {
      // It is about to be gone. Where nothing would tell of it, this is all that tells.
      if (!end.told() && status.error().exit_code == kExitNoDaemon) return {};
      continue;
    }
    const Fields daemon = status->object("daemon");
    const std::int64_t pid = daemon.number("pid").value_or(0);
    if (asked_pid != 0 && pid != asked_pid) {
      return Failure{kExitOther, "The daemon was started anew, and the new one does not drain."};
    }
    asked_pid = pid;
    if (!daemon.has("drain") || daemon.raw("drain") == "null") {
      return Failure{kExitRefused, "The drain was taken back."};
    }
    const bool done = daemon.object("drain").truth("done");
    if (stay && done) return {};
    if (done) look_ms = kDeliverMs;
  }
  return {};
}

std::string drain_text(const Fields& answer, bool off, bool stay) {
  const auto count = [&answer](std::string_view key) { return std::string(answer.raw(key)); };
  if (off) return "The daemon takes runs again.\n";
  std::string text = "The daemon takes no new runs";
  if (!stay) text += ", and ends once nothing executes";
  return text + ". Executing: " + count("executing") + "; waiting: " + count("queued") +
         " queued, " + count("paused") + " paused.\n";
}

}  // namespace

Expected<int> stop_command(const ipc::OptionValues& values) {
  const auto target = find_target(values);
  if (!target) return target.error();
  const bool runs = values.flag("runs");
  const Deadline deadline = in_ms(runs ? kStopRunsMs : kAnswerMs);
  auto connection = Connection::open(target->socket, deadline);
  if (!connection) return failure_of(connection.error(), *target);
  const DaemonEnd end(*target, *connection);
  if (auto sent = connection->send(Request("stop").truth("runs", runs).line(), deadline); !sent) {
    return failure_of(sent.error(), *target);
  }
  const auto line = connection->line(deadline);
  if (!line) return failure_of(line.error(), *target);
  const auto answer = read_answer(*line);
  if (!answer) return answer.error();
  if (end.told() && !end.within(kStopMs)) {
    return Failure{kExitOther, "The daemon has promised to stop and has not done so."};
  }
  print(values.flag("json") ? counts_json(*answer) : stop_text(*answer));
  return 0;
}

Expected<int> drain_command(const ipc::OptionValues& values) {
  const bool off = values.flag("off");
  const bool stay = values.flag("stay");
  const bool wait = values.flag("wait");
  if (off && (stay || wait)) {
    return Failure{kExitUsage, values.invalid("off", "goes with neither --wait nor --stay").what};
  }
  const auto target = find_target(values);
  if (!target) return target.error();
  const Deadline deadline = in_ms(kAnswerMs);
  auto connection = Connection::open(target->socket, deadline);
  if (!connection) return failure_of(connection.error(), *target);
  const DaemonEnd end(*target, *connection);
  Request request("drain");
  if (off) request.truth("off", true);
  if (stay) request.truth("stay", true);
  if (auto sent = connection->send(request.line(), deadline); !sent) {
    return failure_of(sent.error(), *target);
  }
  const auto line = connection->line(deadline);
  if (!line) return failure_of(line.error(), *target);
  const auto answer = read_answer(*line);
  if (!answer) return answer.error();
  print(values.flag("json") ? counts_json(*answer) : drain_text(*answer, off, stay));
  if (!wait) return 0;
  if (auto drained = wait_until_drained(*target, end, stay); !drained) return drained.error();
  if (!values.flag("json")) {
    print(stay ? "Nothing executes any more.\n" : "The daemon has ended.\n");
  }
  return 0;
}

}  // namespace charter::client
