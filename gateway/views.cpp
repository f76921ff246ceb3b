#include "gateway/views.h"

#include "ipc/journal.h"
#include "ipc/json_object.h"
#include "ipc/optional_text.h"

namespace charter::gateway {
namespace {

using ipc::wire_time;

std::optional<std::string> time_of(const std::optional<std::int64_t>& us) {
  if (!us) return std::nullopt;
  return wire_time(*us);
}

ipc::JsonObject run_members(const RunRow& run, bool connected) {
  ipc::JsonObject view;
  view.text("run_id", run.run_id)
      .text("worker_id", run.worker_id)
      .flag("connected", connected)
      .text("workflow", run.workflow)
      .text("workflow_path", run.workflow_path)
      .text("status", run.status)
      .text("started_at", ipc::unless_empty(run.started_at))
      .text("announced_at", wire_time(run.announced_us))
      .text("updated_at", wire_time(run.updated_us))
      .text("finished_at", time_of(run.finished_us))
      .number("events", run.events)
      .number("next_seq", run.next_seq)
      .text("error", run.error);
  return view;
}

}  // namespace

std::string view_of(const RunRow& run, bool connected) {
  ipc::JsonObject view = run_members(run, connected);
  const bool paused = run.status == "paused";
  return view.text("waiting_for", paused ? run.wait_kind : std::nullopt).str();
}

std::string view_of(const RunRow& run, bool connected, const std::optional<std::string>& waiting) {
  ipc::JsonObject view = run_members(run, connected);
  const bool paused = run.status == "paused";
  return view.text("waiting_for", paused ? run.wait_kind : std::nullopt)
      .raw("waiting", paused && waiting ? std::string_view(*waiting) : std::string_view("null"))
      .str();
}

std::string view_of(const EventRow& event) {
  return ipc::JsonObject()
      .number("seq", event.seq)
      .number("stream_seq", event.stream_seq)
      .text("occurred_at", event.occurred_at)
      .text("received_at", wire_time(event.received_us))
      .raw("event", event.event)
      .str();
}

std::string view_of(const CommandRow& command) {
  return ipc::JsonObject()
      .text("command_id", command.command_id)
      .text("kind", command.kind)
      .text("run_id", command.run_id)
      .text("worker_id", command.worker_id)
      .text("state", command.state)
      .flag("settled", command.settled())
      .text("code", command.code)
      .text("message", command.reason)
      .number("sends", command.sends)
      .text("created_at", wire_time(command.created_us))
      .text("sent_at", time_of(command.sent_us))
      .text("settled_at", time_of(command.settled_us))
      .str();
}

std::string view_of(const DaemonSession& worker) {
  const std::string load = ipc::JsonObject()
                               .number("running", worker.load().running)
                               .number("paused", worker.load().paused)
                               .str();
  return ipc::JsonObject()
      .text("worker_id", worker.worker_id())
      .number("connection", worker.connection())
      .flag("connected", true)
      .text("protocol", name_of(worker.protocol()))
      .text("peer", worker.peer())
      .number("max_runs", worker.max_runs())
      .raw("load", load)
      .text("connected_at", wire_time(worker.connected_us()))
      .text("last_seen_at", wire_time(worker.last_seen_us()))
      .str();
}

std::string view_of(const WorkerRow& absent) {
  return ipc::JsonObject()
      .text("worker_id", absent.worker_id)
      .number("connection", absent.connection)
      .flag("connected", false)
      .text("protocol", absent.protocol)
      .text("peer", absent.peer)
      .number("max_runs", absent.max_runs)
      .raw("load", "null")
      .text("connected_at", wire_time(absent.connected_us))
      .text("last_seen_at", wire_time(absent.last_seen_us))
      .str();
}

}  // namespace charter::gateway
