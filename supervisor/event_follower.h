// Shows a client the events of a run, and what comes after them if it wants to follow.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "supervisor/control_session.h"
#include "supervisor/event_source.h"
#include "supervisor/run.h"
#include "supervisor/run_watcher.h"

namespace charter::supervisor {

class EventFollower final : public RunWatcher, public std::enable_shared_from_this<EventFollower> {
 public:
  struct Order {
    std::string run_id;
    std::string worker_id;
    std::string journal;
    std::uint64_t from = 0;
    bool follow = false;
  };
  // `run`: null for one that has finished and left the registry.
  EventFollower(const SessionPtr& session, RunPtr run, Order order);

  // Sends what there is. The session keeps this object.
  void pump();
  void moved(Run& run) override;

 private:
  enum class Step { sent, nothing, failed };
  Step send_next(ControlSession& session);
  Step fail(ControlSession& session, const ipc::Error& error);
  void finish(ControlSession& session, std::string_view end);
  [[nodiscard]] bool over() const;

  std::weak_ptr<ControlSession> session_;
  RunPtr run_;
  Order order_;
  std::optional<EventSource> source_;
  bool ended_ = false;
};

}  // namespace charter::supervisor
