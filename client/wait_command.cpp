// wait: stays until runs that were started before have ended.
#include <algorithm>
#include <cmath>

#include "client/await.h"
#include "client/commands.h"

namespace charter::client {
namespace {

constexpr double kMostSeconds = 10.0 * 365 * 24 * 3600;

}  // namespace

Expected<int> wait_command(const ipc::OptionValues& values) {
  AwaitOrder order;
  for (const std::string& run : values.arguments()) {
    if (std::find(order.runs.begin(), order.runs.end(), run) == order.runs.end()) {
      order.runs.push_back(run);
    }
  }
  order.json = values.flag("json");
  if (values.has("timeout")) {
    const double seconds = values.number("timeout");
    if (!(seconds >= 0)) {
      return Failure{kExitUsage, values.invalid("timeout", "must be non-negative").what};
    }
    order.limit = values.text("timeout") + " s";
    order.deadline = in_ms(std::llround(std::min(seconds, kMostSeconds) * 1000));
  }
  const auto target = find_target(values);
  if (!target) return target.error();
  return await_runs(*target, order);
}

}  // namespace charter::client
