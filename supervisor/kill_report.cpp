#include "supervisor/kill_report.h"

#include <spdlog/fmt/fmt.h>

#include <string>

#include "ipc/journal_frame.h"
#include "ipc/json_object.h"

namespace charter::supervisor {
namespace {

std::string left_json(const ipc::Exit* exit) {
  ipc::JsonArray list;
  if (exit != nullptr) {
    for (const ipc::LeftProcess& process : exit->left) {
      list.raw(ipc::JsonObject()
                   .number("pid", process.pid)
                   .text("name", process.name)
                   .text("reason", process.reason)
                   .str());
    }
  }
  return list.str();
}

}  // namespace

void KillReport::moved(Run& run) {
  const SessionPtr session = session_.lock();
  if (!session) return;
  if (run.state == RunState::held) {
    session_.reset();
    session->send_last(ipc::JsonObject()
                           .flag("ok", false)
                           .text("code", "held")
                           .text("error", fmt::format("Run '{}' is held: nothing can end it; the "
                                                      "daemon's log says why",
                                                      run.id))
                           .str());
    return;
  }
  if (run.state != RunState::finished) return;
  session_.reset();
  const ipc::Exit* exit = run.exit.get();
  const bool left = exit != nullptr && !exit->left.empty();
  // It may have come to its end by itself just before.
  const bool by_kill = run.wire == WireStatus::cancelled;
  const char* outcome = left ? "left" : by_kill ? "ended" : "already_finished";
  const auto waited = (BootClock::now() - asked_).count();
  const auto elapsed = exit != nullptr ? static_cast<std::int64_t>(exit->elapsed_ms) : waited;
  session->send_last(ipc::JsonObject()
                         .flag("ok", true)
                         .text("outcome", outcome)
                         .text("status", name_of(run.wire))
                         .number("elapsed_ms", elapsed)
                         .number("asker_uid", session->peer())
                         .raw("left", left_json(exit))
                         .str());
}

std::string already_finished(WireStatus status) {
  return ipc::JsonObject()
      .flag("ok", true)
      .text("outcome", "already_finished")
      .text("status", name_of(status))
      .number("elapsed_ms", 0)
      .raw("asker_uid", "null")
      .raw("left", "[]")
      .str();
}

}  // namespace charter::supervisor
