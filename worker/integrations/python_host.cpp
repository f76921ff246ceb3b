#include "worker/integrations/python_host.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "ipc/peer.h"
#include "worker/endings.h"
#include "worker/integrations/bridge/program.h"
#include "worker/integrations/message.h"
#include "worker/integrations/python_integration.h"
#include "worker/json/python.h"

namespace charter::worker {
namespace {

constexpr const char* kSource = "python";  // whose standard error the interpreter's is
constexpr std::int64_t kCancelMs = 1000;   // an execute has, to end when it is cancelled
constexpr std::int64_t kEndMs = 2000;      // an interpreter has, that has closed its output
constexpr std::int64_t kOwnEndMs = 200;    // see ShellAttempt

Value texts(const std::vector<std::string>& items) {
  Array array;
  for (const std::string& item : items) array.emplace_back(item);
  return Value(std::move(array));
}

// Nobody is shown what is wrong with a line that our own program wrote.
Value keep_text(const Value& text) { return text; }

}  // namespace

const std::string& PythonHost::name() {
  static const std::string kName = "//python";
  return kName;
}

PythonHost::~PythonHost() { drop_channel(); }

void PythonHost::drop_channel() {
  if (channel_) reaper_.forget(channel_->pid());
  channel_.reset();
  foretold_.clear();
  skipped_.clear();
}

void PythonHost::foretell(std::string method, std::string params) {
  foretold_.push_back({std::move(method), std::move(params), {}});
}

std::string PythonHost::lines_for(std::string_view method, std::string_view params,
                                  std::string& id) {
  std::string lines = std::exchange(unsent_, {});
  if (!foretold_.empty() && !foretold_.front().id.empty()) {
    Foretold next = std::move(foretold_.front());
    foretold_.pop_front();
    if (next.method == method && next.params == params) {
      id = std::move(next.id);
      return lines;
    }
    skipped_.push_back(std::move(next.id));
    skip_foretold();
  }
  id = std::to_string(++requests_);
  lines += request_line(id, method, params);
  for (Foretold& next : foretold_) {
    next.id = std::to_string(++requests_);
    lines += request_line(next.id, next.method, next.params, true);
  }
  return lines;
}

void PythonHost::skip_foretold() {
  for (Foretold& next : std::exchange(foretold_, {})) {
    if (!next.id.empty()) skipped_.push_back(std::move(next.id));
  }
}

std::string PythonHost::about(const std::string& uses) {
  if (uses.empty()) return "The interpreter of Python integrations ";
  return "Integration for capability '" + uses + "' ";
}

// The program has been read by an interpreter that waits.
ipc::Result<pid_t> PythonHost::begin(std::unique_ptr<WarmPython> warm,
                                     const ipc::UniqueFd& errors) {
  if (warm) {
    const pid_t pid = warm->pid;
    reaper_.keep(pid);
    channel_->adopt(pid, std::move(warm->process), std::move(warm->requests),
                    std::move(warm->answers));
    return pid;
  }
  const auto pid =
      channel_->start(bridge_command(definition_.interpreter), definition_.environment, errors);
  if (!pid) return pid.error();
  reaper_.keep(*pid);
  unsent_ = kBridgeProgram;
  return *pid;
}

ipc::Result<void> PythonHost::open(std::int64_t deadline_ms, std::unique_ptr<WarmPython> warm) {
  if (channel_) return {};
  channel_ = std::make_unique<Channel>(attention_, definition_.limits.output_bytes);
  const auto errors = definition_.errors ? definition_.errors(kSource) : ipc::UniqueFd();
  const bool waited = warm != nullptr;
  const auto pid = begin(std::move(warm), errors);
  if (!pid) {
    channel_.reset();
    return pid.error();
  }
  started_(name(), *pid);
  Object params;
  params.set("search", texts(definition_.search));
  params.set("toolchain", texts(definition_.toolchain));
  params.set("run_id", Value(definition_.run_id));
  params.set("environment", texts(definition_.environment));
  // One that waited was started before there was a run, and has another standard error.
  if (waited && errors) {
    params.set("errors", Value("/proc/" + std::to_string(::getpid()) + "/fd/" +
                               std::to_string(errors.get())));
  }
  const auto opened =
      call("", "open", dump(Value(std::move(params))), deadline_ms, definition_.limits.setup_ms);
  if (opened) return {};
  abandon();
  return opened.error();
}

ipc::Result<Object> PythonHost::bind(const std::string& driver, std::string params) {
  driver_ = "Storage driver '" + driver + "' ";
  driver_params_ = std::move(params);
  return exchange(driver_, "storage", driver_params_, kNever, definition_.limits.setup_ms);
}

// With the stores, if there is a driver, and without integrations.
ipc::Result<void> PythonHost::open_again(std::int64_t deadline_ms) {
  if (channel_) return {};
  if (auto opened = open(deadline_ms); !opened) return opened;
  bare_ = !integrations_.empty();
  if (driver_params_.empty()) return {};
  const auto bound =
      exchange(driver_, "storage", driver_params_, deadline_ms, definition_.limits.setup_ms);
  return bound ? ipc::Result<void>() : bound.error();
}

ipc::Result<Object> PythonHost::ask_stores(std::string_view method, std::string_view params,
                                           std::int64_t deadline_ms) {
  if (auto opened = open_again(kNever); !opened) return opened.error();
  return exchange(driver_, method, params, deadline_ms, 0);
}

ipc::Result<void> PythonHost::depend(std::int64_t deadline_ms) {
  const auto done = call("", "depend", "{}", deadline_ms, definition_.limits.setup_ms);
  return done ? ipc::Result<void>() : done.error();
}

ipc::Result<void> PythonHost::revive(std::int64_t deadline_ms) {
  const auto set_up = [&]() -> ipc::Result<void> {
    if (auto opened = open_again(deadline_ms); !opened) return opened;
    bare_ = false;
    for (PythonIntegration* one : integrations_) {
      if (auto loaded = one->load(deadline_ms); !loaded) return loaded;
    }
    if (auto done = depend(deadline_ms); !done) return done;
    for (PythonIntegration* one : integrations_) {
      if (auto consent = one->set_up(deadline_ms); !consent) return consent;
    }
    return {};
  };
  auto done = set_up();
  if (!done) abandon();
  return done;
}

ipc::Result<Object> PythonHost::call(const std::string& uses, std::string_view method,
                                     std::string_view params, std::int64_t deadline_ms,
                                     std::int64_t limit_ms) {
  return exchange(about(uses), method, params, deadline_ms, limit_ms);
}

ipc::Result<Object> PythonHost::exchange(const std::string& whom, std::string_view method,
                                         std::string_view params, std::int64_t deadline_ms,
                                         std::int64_t limit_ms) {
  late_ = false;
  if (!channel_) return ipc::plain_error(whom + "has no interpreter any more");
  const std::int64_t own = limit_ms > 0 ? ipc::boot_ms() + limit_ms : kNever;
  const std::string quoted = "'" + std::string(method) + "'";
  std::string id;
  const std::string lines = lines_for(method, params, id);
  Response response;
  switch (await(lines, id, std::min(own, deadline_ms), response)) {
    case Channel::Outcome::line:
      break;
    case Channel::Outcome::closed:
      return ipc::plain_error(whom + "died during " + quoted + ": " + ending());
    case Channel::Outcome::too_long:
      abandon();
      return ipc::plain_error(whom + "answered " + quoted + " with more than " +
                              bytes_text(definition_.limits.output_bytes));
    case Channel::Outcome::late:
      late_ = deadline_ms < own;
      if (!late_) abandon();
      return ipc::plain_error(whom + "did not answer " + quoted + " within " + in_words(limit_ms));
  }
  if (response.id != id) {
    abandon();
    return ipc::plain_error(whom + "answered " + quoted + " with a broken line");
  }
  if (!response.error.empty()) {
    skip_foretold();
    return ipc::plain_error(str(get(response.error, "message")));
  }
  return std::move(response.result);
}

// A response without the id is to a broken line.
Channel::Outcome PythonHost::await(std::string_view lines, const std::string& id,
                                   std::int64_t deadline_ms, Response& response) {
  for (;;) {
    std::string line;
    const auto outcome = channel_->exchange(std::exchange(lines, {}), deadline_ms, line);
    if (outcome != Channel::Outcome::line) return outcome;
    auto read = read_response(line, keep_text);
    if (!read) return outcome;
    response = std::move(*read);
    if (response.id == id || std::erase(skipped_, response.id) == 0) return outcome;
  }
}

// Both are answered, the request that is ended first.
void PythonHost::cancel() {
  if (!channel_) return;
  const std::string id = std::to_string(++requests_);
  const std::int64_t deadline = ipc::boot_ms() + kCancelMs;
  std::string line = request_line(id, "cancel", "{}");
  for (int answers = 0; answers < 2; ++answers) {
    std::string answer;
    if (channel_->exchange(std::exchange(line, {}), deadline, answer) != Channel::Outcome::line) {
      break;
    }
    const auto response = read_response(answer, keep_text);
    if (response && response->id == id) return;
  }
  abandon();
}

// How the interpreter ended, which has closed its end of the conversation.
std::string PythonHost::ending() {
  (void)channel_->await_end(ipc::boot_ms() + kEndMs);
  attention_.check();
  const auto status = reaper_.status_of(channel_->pid());
  if (status && WIFSIGNALED(*status) && WTERMSIG(*status) == SIGTERM) {
    const std::int64_t deadline = ipc::boot_ms() + kOwnEndMs;
    while (attention_.wait({}, deadline) != Attention::Wake::deadline) {
    }
  }
  abandon();
  if (!status) return "it closed the conversation";
  if (WIFSIGNALED(*status)) return describe_signal(WTERMSIG(*status));
  return "exit code " + std::to_string(WEXITSTATUS(*status));
}

void PythonHost::abandon() {
  if (!channel_) return;
  channel_->abandon();
  drop_channel();
}

void PythonHost::log_failure(const ipc::Error& error) const {
  log_line("teardown: " + definition_.mask(Value(error.message())).as_string());
}

void PythonHost::finish() {
  if (!channel_) return;
  const auto done = call("", "finish", "{}", kNever, definition_.limits.teardown_ms);
  if (!done) log_failure(done.error());
  if (!channel_) return;
  channel_->leave();
  drop_channel();
}

}  // namespace charter::worker
