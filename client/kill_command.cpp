#include <climits>
#include <cmath>
#include <filesystem>
#include <optional>

#include "client/commands.h"
#include "client/control.h"
#include "client/guardian_kill.h"
#include "client/kill_report.h"

namespace charter::client {
namespace {

constexpr std::int64_t kAliveMs = 1'000;     // a daemon that lives answers a ping by then
constexpr std::int64_t kSlowMs = 20'000;     // where nobody but the daemon can end the run
constexpr double kDefaultGraceSeconds = 10;  // of `start --kill-grace`
constexpr double kMostGraceSeconds = INT_MAX / 1000;

struct KillOrder {
  std::string run_id;
  std::optional<std::int64_t> grace_ms;
  std::optional<std::string> note;
};

Expected<KillOrder> read_kill_order(const ipc::OptionValues& values) {
  KillOrder order{.run_id = values.argument(0), .grace_ms = {}, .note = {}};
  if (values.has("grace")) {
    const double grace = values.number("grace");
    if (grace < 0 || grace > kMostGraceSeconds) {
      return Failure{kExitUsage, values.invalid("grace", "must be from 0 to 2147483").what};
    }
    order.grace_ms = std::llround(grace * 1000);
  }
  if (values.has("note")) order.note = values.text("note");
  return order;
}

bool answers(const Target& target, std::int64_t patience_ms) {
  const Deadline deadline = in_ms(patience_ms);
  auto connection = Connection::open(target.socket, deadline);
  if (!connection || !connection->send(Request("ping").line(), deadline)) return false;
  return connection->line(deadline).has_value();
}

// The daemon's way. Nothing when the daemon is not there or stopped answering: then the guardian
// has to be asked, which does no harm when the daemon has done so before.
Expected<std::optional<KillReport>> kill_by_daemon(const Target& target, const KillOrder& order,
                                                   std::int64_t patience_ms) {
  if (!answers(target, patience_ms)) return std::optional<KillReport>();
  auto connection = Connection::open(target.socket, in_ms(kAliveMs));
  if (!connection) return std::optional<KillReport>();
  Request request("kill");
  request.text("run_id", order.run_id);
  if (order.grace_ms) request.number("grace_ms", *order.grace_ms);
  if (order.note) request.text("note", *order.note);
  if (!connection->send(request.line(), in_ms(kAliveMs))) return std::optional<KillReport>();
  while (true) {
    const auto line = connection->line(in_ms(kAliveMs));
    if (line) {
      const auto answer = read_answer(*line);
      if (!answer) return answer.error();
      return std::optional(report_of(order.run_id, *answer));
    }
    // The answer comes when the tree is gone, so silence is fine as long as the daemon lives.
    const bool silent = line.error().code == std::errc::timed_out;
    if (!silent || !answers(target, patience_ms)) return std::optional<KillReport>();
  }
}

ipc::Layout layout_of(const Target& target, const std::string& data_dir) {
  if (data_dir.empty()) return ipc::Layout(target.root);
  return ipc::Layout(target.root, (std::filesystem::path(target.root) / data_dir).string());
}

}  // namespace

Expected<int> kill_command(const ipc::OptionValues& values) {
  const auto order = read_kill_order(values);
  if (!order) return order.error();
  const auto target = find_target(values);
  if (!target) return target.error();
  auto done = kill_by_daemon(*target, *order, kAliveMs);
  if (!done) return done.error();
  if (!*done) {
    tell("The daemon does not answer; asking the run's guardian.");
    const auto grace = order->grace_ms.value_or(std::llround(kDefaultGraceSeconds * 1000));
    auto report = kill_by_guardian(layout_of(*target, values.text("data-dir")), order->run_id,
                                   static_cast<std::uint32_t>(grace), order->note);
    if (report) {
      *done = std::move(*report);
    } else {
      if (report.error().code != kElsewhere) return report.error();
      done = kill_by_daemon(*target, *order, kSlowMs);
      if (!done) return done.error();
      if (!*done) return Failure{report.error().exit_code, report.error().message};
    }
  }
  const KillReport& report = **done;
  print(values.flag("json") ? kill_json(report) : kill_text(report, standard_output()));
  return kill_exit_code(report);
}

}  // namespace charter::client
