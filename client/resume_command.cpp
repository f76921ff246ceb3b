// resume and stop: one request, one sentence.
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client/answering.h"
#include "client/commands.h"
#include "client/control.h"
#include "ipc/peer.h"

namespace charter::client {
namespace {

constexpr std::int64_t kStopMs = 10'000;         // for the process to end after its answer
constexpr std::int64_t kStopRunsMs = 3'600'000;  // for runs with a long grace to end before it

// Opened while the daemon lives, so that it is that very process.
ipc::UniqueFd daemon_process(const Connection& connection) {
  const int pid = connection.daemon_pid();
  if (pid <= 0) return {};
  return ipc::UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

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

std::string stop_json(const Fields& answer) {
  return R"({"executing":)" + std::string(answer.raw("executing")) + R"(,"queued":)" +
         std::string(answer.raw("queued")) + R"(,"paused":)" + std::string(answer.raw("paused")) +
         "}\n";
}

}  // namespace

Expected<int> resume_command(const ipc::OptionValues& values) {
  const bool approve = values.flag("approve");
  if (approve == values.flag("deny")) {
    return Failure{kExitUsage, "Say one of --approve and --deny."};
  }
  const auto target = find_target(values);
  if (!target) return target.error();
  const std::string& run = values.argument(0);
  std::optional<std::string> note;
  if (values.has("note")) note = values.text("note");
  const auto answer = send_decision(*target, run, approve, note);
  if (!answer) return answer.error();
  if (values.flag("json")) {
    print(R"({"run_id":)" + ipc::quoted(run) + R"(,"approved":)" + (approve ? "true" : "false") +
          "}\n");
  } else {
    print("Run " + run + (approve ? " approved.\n" : " denied.\n"));
  }
  return 0;
}

Expected<int> stop_command(const ipc::OptionValues& values) {
  const auto target = find_target(values);
  if (!target) return target.error();
  const bool runs = values.flag("runs");
  const Deadline deadline = in_ms(runs ? kStopRunsMs : kAnswerMs);
  auto connection = Connection::open(target->socket, deadline);
  if (!connection) return failure_of(connection.error(), *target);
  const ipc::UniqueFd process = daemon_process(*connection);
  if (auto sent = connection->send(Request("stop").truth("runs", runs).line(), deadline); !sent) {
    return failure_of(sent.error(), *target);
  }
  const auto line = connection->line(deadline);
  if (!line) return failure_of(line.error(), *target);
  const auto answer = read_answer(*line);
  if (!answer) return answer.error();
  if (process) {
    pollfd gone{.fd = process.get(), .events = POLLIN, .revents = 0};
    if (::poll(&gone, 1, static_cast<int>(kStopMs)) <= 0) {
      return Failure{kExitOther, "The daemon has promised to stop and has not done so."};
    }
  }
  print(values.flag("json") ? stop_json(*answer) : stop_text(*answer));
  return 0;
}

}  // namespace charter::client
