#include "worker/integrations/integration.h"

#include <algorithm>
#include <csignal>

#include "ipc/peer.h"
#include "worker/endings.h"
#include "worker/json/python.h"

namespace charter::worker {
namespace {

constexpr std::int64_t kShutdownMs = 5000;
constexpr std::int64_t kTermMs = 1000;

std::string seconds(std::int64_t milliseconds) {
  if (milliseconds % 1000 != 0) return std::to_string(milliseconds) + " ms";
  return std::to_string(milliseconds / 1000) + " s";
}

}  // namespace

ipc::Error Integration::about(const std::string& what) const {
  return ipc::plain_error("Integration for capability '" + definition_.uses + "' " + what);
}

ipc::Result<void> Integration::start(std::int64_t deadline_ms) {
  channel_ = std::make_unique<Channel>(attention_, definition_.limits.output_bytes);
  const auto pid = channel_->start(definition_.command, definition_.environment);
  if (!pid) {
    channel_.reset();
    return pid.error();
  }
  started_(definition_.uses, *pid);
  const std::string params = R"({"run_id":)" + dump(Value(definition_.run_id), kWire) + "}";
  const std::int64_t own = ipc::boot_ms() + definition_.limits.setup_ms;
  const auto consent =
      call("setup", params, std::min(own, deadline_ms), definition_.limits.setup_ms);
  if (consent) return {};
  if (own <= deadline_ms) late_ = false;  // its own time is up, not the step's
  abandon();
  return consent.error();
}

ipc::Result<Value> Integration::execute(std::string_view params, std::int64_t deadline_ms) {
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
ipc::Result<Object> Integration::call(std::string_view method, std::string_view params,
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
      return about("did not answer " + quoted + " within " + seconds(limit_ms));
  }
  auto response = read_response(line, definition_.mask);
  if (!response || response->id != id) {
    abandon();
    if (!response) return response.error();
    return about("answered " + quoted + " with a line with the id of another request");
  }
  if (!response->error.empty()) {
    return about("returned error for " + quoted + ": " + repr(Value(std::move(response->error))));
  }
  return std::move(response->result);
}

// A process one cannot talk to any more.
void Integration::abandon() {
  if (!channel_) return;
  if (!channel_->close(ipc::boot_ms())) {
    channel_->signal(SIGTERM);
    (void)channel_->await_end(ipc::boot_ms() + kTermMs);
  }
  channel_->signal(SIGKILL);
  (void)channel_->await_end(ipc::boot_ms() + kTermMs);
  channel_.reset();
}

void Integration::tear_down() {
  if (!channel_) return;
  const auto done = call("teardown", "{}", ipc::boot_ms() + definition_.limits.teardown_ms,
                         definition_.limits.teardown_ms);
  if (!done) log_line("teardown: " + done.error().message());
  if (!channel_) return;
  if (!channel_->close(ipc::boot_ms() + kShutdownMs)) {
    channel_->signal(SIGTERM);
    (void)channel_->await_end(ipc::boot_ms() + kShutdownMs);
  }
  channel_->signal(SIGKILL);
  channel_.reset();
}

}  // namespace charter::worker
