#include "supervisor/event_follower.h"

#include <limits>
#include <utility>

#include "ipc/journal.h"
#include "ipc/json_object.h"
#include "supervisor/link/messages.h"

namespace charter::supervisor {

EventFollower::EventFollower(const SessionPtr& session, RunPtr run, Order order)
    : session_(session), run_(std::move(run)), order_(std::move(order)) {}

bool EventFollower::over() const {
  return run_ == nullptr || (run_->state == RunState::finished &&
                             run_->progress.synced_seq >= run_->progress.next_seq);
}

void EventFollower::pump() {
  const SessionPtr session = session_.lock();
  if (!session || ended_) return;
  for (;;) {
    if (!session->roomy()) {
      session->when_roomy([self = weak_from_this()] {
        if (const auto follower = self.lock()) follower->pump();
      });
      return;
    }
    const bool was_over = over();
    const Step step = send_next(*session);
    if (step == Step::sent) continue;
    if (step == Step::failed) return;
    if (was_over) return finish(*session, "terminal");
    if (!order_.follow) return finish(*session, "now");
    return;
  }
}

EventFollower::Step EventFollower::send_next(ControlSession& session) {
  if (!source_) {
    auto opened = EventSource::open(order_.journal, 0);
    // A run that has not begun may not have a journal yet.
    const bool none = !opened && opened.error().code == std::errc::no_such_file_or_directory;
    if (none) return Step::nothing;
    if (!opened) return fail(session, opened.error());
    source_.emplace(std::move(*opened));
  }
  const std::uint64_t limit =
      run_ == nullptr ? std::numeric_limits<std::uint64_t>::max() : run_->progress.synced_end;
  auto stored = source_->next(limit);
  if (!stored) return fail(session, stored.error());
  if (!*stored) return Step::nothing;
  const StoredEvent& event = **stored;
  if (event.event.seq >= order_.from) {
    session.send(event_message(order_.worker_id, order_.run_id, event.event.seq,
                               ipc::wire_time(event.at_us), event.event.json,
                               event.event.stream_seq));
  }
  return Step::sent;
}

EventFollower::Step EventFollower::fail(ControlSession& session, const ipc::Error& error) {
  ended_ = true;
  session.send_last(ipc::JsonObject()
                        .flag("ok", false)
                        .text("code", "internal_error")
                        .text("error", error.message())
                        .str());
  return Step::failed;
}

void EventFollower::finish(ControlSession& session, std::string_view end) {
  ended_ = true;
  session.send_last(ipc::JsonObject().flag("ok", true).text("end", end).str());
}

void EventFollower::moved(Run& /*run*/) { pump(); }

}  // namespace charter::supervisor
