#include "client/run_filter.h"

#include <algorithm>

#include "client/times.h"

namespace charter::client {
namespace {

bool over(const std::string& status) {
  return status == "completed" || status == "failed" || status == "cancelled";
}

bool stands(const Fields& run, const std::string& standing) {
  const std::string status = run.text("status");
  if (standing == "active") return !over(status);
  return standing == status || standing == run.text("state");
}

}  // namespace

Expected<RunFilter> RunFilter::read(const ipc::OptionValues& values, std::int64_t now_ms) {
  const auto usage = [&values](std::string_view option, std::string_view why) {
    return Failure{kExitUsage, values.invalid(option, why).what};
  };
  RunFilter filter;
  filter.standings_ = values.list("status");
  filter.workflows_ = values.list("workflow");
  if (values.has("since")) {
    const std::string& text = values.text("since");
    const auto span = ipc::read_time(text);
    filter.since_ms_ = span ? now_ms - span->count() * 1000 : read_wire_time(text);
    if (!filter.since_ms_) {
      return usage("since",
                   "must be a number with s, m, h or d, at most 100000000, as in 12h, or a day or "
                   "time, as in 2026-01-31 or 2026-01-31T12:00:00");
    }
  }
  if (values.has("limit")) {
    const std::int64_t limit = values.integer("limit");
    if (limit < 0) return usage("limit", "must be non-negative");
    filter.limit_ = static_cast<std::size_t>(limit);
  }
  return filter;
}

bool RunFilter::takes_all() const {
  return standings_.empty() && workflows_.empty() && !since_ms_ && !limit_;
}

bool RunFilter::takes(const Fields& run) const {
  const auto is = [&run](const std::string& standing) { return stands(run, standing); };
  if (!standings_.empty() && std::ranges::none_of(standings_, is)) return false;
  if (!workflows_.empty() &&
      std::ranges::find(workflows_, run.text("workflow_id")) == workflows_.end()) {
    return false;
  }
  if (!since_ms_) return true;
  const auto began = read_wire_time(run.text("started_at"));
  return began && *began >= *since_ms_;
}

std::vector<Fields> RunFilter::apply(std::vector<Fields> runs) const {
  std::erase_if(runs, [this](const Fields& run) { return !takes(run); });
  if (limit_ && runs.size() > *limit_) {
    runs.erase(runs.begin(), runs.end() - static_cast<std::ptrdiff_t>(*limit_));
  }
  return runs;
}

}  // namespace charter::client
