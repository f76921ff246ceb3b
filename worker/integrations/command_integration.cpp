#include "worker/integrations/command_integration.h"

#include <algorithm>

#include "ipc/peer.h"
#include "worker/endings.h"

namespace charter::worker {

ipc::Error CommandIntegration::about(const std::string& what) const {
  return ipc::plain_error("Integration for capability '" + uses() + "' " + what);
}

ipc::Result<void> CommandIntegration::start(std::int64_t deadline_ms) {
  channel_ = std::make_unique<Channel>(attention_, definition_.limits.output_bytes);
  const auto pid =
      channel_->start(definition_.command, definition_.environment,
                      definition_.errors ? definition_.errors(uses()) : ipc::UniqueFd());
  if (!pid) {
    channel_.reset();
    return pid.error();
  }
  started_(uses(), *pid);
  const std::string params = R"({"run_id":)" + dump(Value(definition_.run_id), kWire) + "}";
  const std::int64_t own = ipc::boot_ms() + definition_.limits.setup_ms;
  const auto consent =
      call("setup", params, std::min(own, deadline_ms), definition_.limits.setup_ms);
  if (consent) return {};
  if (own <= deadline_ms) late_ = false;  // its own time is up, not the step's
  abandon();
  return consent.error();
}

ipc::Result<Value> CommandIntegration::execute(std::string_view params, std::int64_t deadline_ms) {
  late_ = false;
  if (!channel_ || channel_->ended()) {
    channel_.reset();
    if (auto started = start(deadline_ms); !started) return started.error();
  }
  auto result = call("execute", params, deadline_ms, 0);
  if (!result) return result.error();
  return read_value(std::move(*result), definition_.mask);
}

// One request and its answer. `limit_ms` is the deadline in the words of an error.
ipc::Result<Object> CommandIntegration::call(std::string_view method, std::string_view params,
                                             std::int64_t deadline_ms, std::int64_t limit_ms) {
  const std::string quoted = "'" + std::string(method) + "'";
  const std::string id = std::to_string(++requests_);
  std::string line;
  switch (channel_->exchange(request_line(id, method, params), deadline_ms, line)) {
    case Channel::Outcome::line:
      break;
    case Channel::Outcome::closed:
      abandon();
      return about("closed stdout unexpectedly during " + quoted);
    case Channel::Outcome::too_long:
      abandon();
      return about("answered " + quoted + " with more than " +
                   bytes_text(definition_.limits.output_bytes));
    case Channel::Outcome::late:
      late_ = true;
      abandon();
      return about("did not answer " + quoted + " within " + in_words(limit_ms));
  }
  auto response = read_response(line, definition_.mask);
  if (!response || response->id != id) {
    abandon();
    if (!response) return response.error();
    return about("answered " + quoted + " with a line with the id of another request");
  }
  if (!response->error.empty()) {
    return about("returned error for " + quoted + ": " +
                 shown(Value(std::move(response->error)), definition_.mask));
  }
  return std::move(response->result);
}

// A process one cannot talk to any more.
void CommandIntegration::abandon() {
  if (!channel_) return;
  channel_->abandon();
  channel_.reset();
}

void CommandIntegration::tear_down() {
  if (!channel_) return;
  const auto done = call("teardown", "{}", ipc::boot_ms() + definition_.limits.teardown_ms,
                         definition_.limits.teardown_ms);
  if (!done) log_line("teardown: " + done.error().message());
  if (!channel_) return;
  channel_->leave();
  channel_.reset();
}

}  // namespace charter::worker
