// The interpreter in which all Python integrations of a run, and the stores of its project's
// storage driver, live for one burst, and the conversation with it; see bridge/charter_bridge.py
// for what is said.
//
// A request is about one integration, about all of them, or about the stores. What has broken the
// conversation, or the interpreter, is the request's error; then there is no interpreter until
// revive() makes another, with everything in it as it was set up, or the stores are asked again,
// for which another has nothing but them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/error.h"
#include "worker/attention.h"
#include "worker/integrations/channel.h"
#include "worker/integrations/integration.h"
#include "worker/integrations/message.h"
#include "worker/limits.h"
#include "worker/reaper.h"
#include "worker/standby.h"

namespace charter::worker {

class PythonIntegration;

class PythonHost {
 public:
  struct Definition {
    std::string interpreter;
    std::vector<std::string> toolchain;  // directories of packages, behind the project's
    std::vector<std::string> search;     // where the project's own modules are
    std::vector<std::string> environment;
    std::string run_id;
    Limits limits;
    Mask mask;
    Integration::Errors errors;
  };

  // The name in the interpreter's mark.
  static const std::string& name();

  PythonHost(Definition definition, Attention& attention, Reaper& reaper,
             Integration::Started started)
      : definition_(std::move(definition)),
        attention_(attention),
        reaper_(reaper),
        started_(std::move(started)) {}
  ~PythonHost();
  PythonHost(const PythonHost&) = delete;
  PythonHost& operator=(const PythonHost&) = delete;

  [[nodiscard]] const Definition& definition() const { return definition_; }

  // What will be asked after the next request, in this order, whatever the answers are as long as
  // none is an error: it is sent along, so that the interpreter does not wait for us between two.
  // What is asked for otherwise after all has been skipped, or done for nothing.
  void foretell(std::string method, std::string params);
  // Starts the interpreter, if there is none; `warm` is one that waits already.
  ipc::Result<void> open(std::int64_t deadline_ms, std::unique_ptr<WarmPython> warm = nullptr);
  // Loads what was loaded before, in another interpreter.
  ipc::Result<void> revive(std::int64_t deadline_ms);
  // Whom revive() loads and sets up; they outlive this.
  void add(PythonIntegration& integration) { integrations_.push_back(&integration); }
  // Gives the integrations what they depend on. To be called once, between loading and setting up.
  ipc::Result<void> depend(std::int64_t deadline_ms);

  // Binds a storage driver, in this interpreter and any after it. `params` as the bridge has them.
  ipc::Result<Object> bind(const std::string& driver, std::string params);
  // A request about its stores. No limit but the deadline: late() tells when that has passed.
  ipc::Result<Object> ask_stores(std::string_view method, std::string_view params,
                                 std::int64_t deadline_ms);

  // A request about an integration, or about all when `uses` is empty: what was answered.
  // `params` is JSON. With a deadline that is not the request's own, `limit_ms` is 0.
  ipc::Result<Object> call(const std::string& uses, std::string_view method,
                           std::string_view params, std::int64_t deadline_ms,
                           std::int64_t limit_ms);
  // The latest call() ran out of time.
  [[nodiscard]] bool late() const { return late_; }
  // Ends the call that ran out of time, and the interpreter if that is of no use.
  void cancel();

  // There is nothing that integrations could be asked.
  [[nodiscard]] bool lost() const { return !channel_ || bare_; }
  [[nodiscard]] bool owns(pid_t pid) const { return channel_ && channel_->pid() == pid; }

  // Of tearing down, which nobody waits for; without what is sensitive.
  void log_failure(const ipc::Error& error) const;
  // Everything is torn down: closes what the dependencies opened, then ends the interpreter.
  void finish();

 private:
  [[nodiscard]] static std::string about(const std::string& uses);
  struct Foretold {
    std::string method;
    std::string params;
    std::string id;  // empty: not sent yet
  };
  // The lines to send for a request, whose id it finds.
  std::string lines_for(std::string_view method, std::string_view params, std::string& id);
  void skip_foretold();
  Channel::Outcome await(std::string_view lines, const std::string& id, std::int64_t deadline_ms,
                         Response& response);
  ipc::Result<Object> exchange(const std::string& whom, std::string_view method,
                               std::string_view params, std::int64_t deadline_ms,
                               std::int64_t limit_ms);
  ipc::Result<void> open_again(std::int64_t deadline_ms);
  [[nodiscard]] std::string ending();
  ipc::Result<pid_t> begin(std::unique_ptr<WarmPython> warm, const ipc::UniqueFd& errors);
  void abandon();
  void drop_channel();

  Definition definition_;
  Attention& attention_;
  Reaper& reaper_;
  Integration::Started started_;
  std::vector<PythonIntegration*> integrations_;
  std::unique_ptr<Channel> channel_;
  std::string unsent_;  // the program, until the first request
  std::deque<Foretold> foretold_;
  std::vector<std::string> skipped_;  // ids of requests that nobody waits for
  std::uint64_t requests_ = 0;
  bool late_ = false;
  bool bare_ = false;  // the integrations of before are not in this interpreter
  std::string driver_;
  std::string driver_params_;
};

}  // namespace charter::worker
