// What is asked on the hand-off socket, by the CLI and by our own client, and the answers.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/json_scan.h"
#include "ipc/layout.h"
#include "supervisor/commands.h"
#include "supervisor/control_session.h"
#include "supervisor/forgetting.h"
#include "supervisor/intake.h"
#include "supervisor/registry.h"

namespace charter::supervisor {

class Requests {
 public:
  struct Settings {
    std::string worker_id;
    std::chrono::milliseconds kill_grace;
  };
  struct Hooks {
    std::function<std::string()> daemon_view;  // the object `daemon` of op status
    std::function<void(bool runs, std::function<void()> answered)> stop;
    std::function<void(std::function<void(const CommandRefusal&)>)> adopt;
    std::function<void(const Forgetting::Order&, Forgetting::Done)> forget;
    std::function<void(const RunPtr&)> watched;  // somebody follows this run now
    std::function<void(bool stay)> drain;
    std::function<bool()> take_drain_back;             // whether there was one
    std::function<ipc::Result<std::string>()> reload;  // the answer, or why nothing was changed
  };

  Requests(Settings settings, const ipc::Layout& layout, Registry& registry, Intake& intake,
           Commands& commands, Hooks hooks);

  void handle(const SessionPtr& session, std::string_view line);

 private:
  class Fields;
  using Members = std::vector<ipc::JsonMember>;

  void hand_off(const SessionPtr& session, std::string_view line, const Members& members);
  void control(const SessionPtr& session, const Members& members);

  void ping(const SessionPtr& session);
  void run(const SessionPtr& session, Fields& fields);
  void retry(const SessionPtr& session, Fields& fields);
  void retry(const SessionPtr& session, const std::string& old_id, const std::string& new_id,
             const std::string& on_lost);
  void take(const SessionPtr& session, Intake::Order order);
  void list(const SessionPtr& session);
  void status(const SessionPtr& session, Fields& fields);
  void events(const SessionPtr& session, Fields& fields);
  void kill(const SessionPtr& session, Fields& fields);
  void resume(const SessionPtr& session, Fields& fields);
  void submit(const SessionPtr& session, Fields& fields);
  void stop(const SessionPtr& session, Fields& fields);
  void drain(const SessionPtr& session, Fields& fields);
  void reload(const SessionPtr& session);
  void send_counts(const SessionPtr& session) const;
  void adopt(const SessionPtr& session);
  void forget(const SessionPtr& session, Fields& fields);
  static std::string read_on_lost(Fields& fields);
  void unknown_run(const SessionPtr& session, const std::string& run_id) const;

  Settings settings_;
  const ipc::Layout& layout_;
  Registry& registry_;
  Intake& intake_;
  Commands& commands_;
  Hooks hooks_;
};

}  // namespace charter::supervisor
