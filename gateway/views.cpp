#include "gateway/views.h"

#include "gateway/json_writer.h"
#include "ipc/journal.h"

namespace charter::gateway {
namespace {

using ipc::wire_time;

std::optional<std::string> time_of(const std::optional<std::int64_t>& us) {
  if (!us) return std::nullopt;
  return wire_time(*us);
}

std::optional<std::string> unless_empty(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text;
}

JsonObject run_members(const RunRow& run, bool connected) {
  JsonObject view;
  view.text("run_id", std::string_view(run.run_id))
      .text("worker_id", std::string_view(run.worker_id))
      .boolean("connected", connected)
      .text("workflow", std::string_view(run.workflow))
      .text("workflow_path", run.workflow_path)
      .text("status", std::string_view(run.status))
      .text("started_at", unless_empty(run.started_at))
      .text("announced_at", std::string_view(wire_time(run.announced_us)))
      .text("updated_at", std::string_view(wire_time(run.updated_us)))
      .text("finished_at", time_of(run.finished_us))
      .number("events", run.events)
      .number("next_seq", run.next_seq)
      .text("error", run.error);
  return view;
}

}  // namespace

std::string view_of(const RunRow& run, bool connected) {
  JsonObject view = run_members(run, connected);
  const bool paused = run.status == "paused";
  return view.text("waiting_for", paused ? run.wait_kind : std::nullopt).take();
}

std::string view_of(const RunRow& run, bool connected, const std::optional<std::string>& waiting) {
  JsonObject view = run_members(run, connected);
  const bool paused = run.status == "paused";
  return view.text("waiting_for", paused ? run.wait_kind : std::nullopt)
      .raw("waiting", paused && waiting ? std::string_view(*waiting) : std::string_view("null"))
      .take();
}

std::string view_of(const EventRow& event) {
  return JsonObject()
      .number("seq", event.seq)
      .number("stream_seq", event.stream_seq)
      .text("occurred_at", std::string_view(event.occurred_at))
      .text("received_at", std::string_view(wire_time(event.received_us)))
      .raw("event", event.event)
      .take();
}

std::string view_of(const CommandRow& command) {
  return JsonObject()
      .text("command_id", std::string_view(command.command_id))
      .text("kind", std::string_view(command.kind))
      .text("run_id", std::string_view(command.run_id))
      .text("worker_id", command.worker_id)
      .text("state", std::string_view(command.state))
      .boolean("settled", command.settled())
      .text("code", command.code)
      .text("message", command.reason)
      .number("sends", command.sends)
      .text("created_at", std::string_view(wire_time(command.created_us)))
      .text("sent_at", time_of(command.sent_us))
      .text("settled_at", time_of(command.settled_us))
      .take();
}

std::string view_of(const DaemonSession& worker) {
  const std::string load = JsonObject()
                               .number("running", worker.load().running)
                               .number("paused", worker.load().paused)
                               .take();
  return JsonObject()
      .text("worker_id", std::string_view(worker.worker_id()))
      .number("connection", worker.connection())
      .boolean("connected", true)
      .text("protocol", name_of(worker.protocol()))
      .text("peer", std::string_view(worker.peer()))
      .number("max_runs", worker.max_runs())
      .raw("load", load)
      .text("connected_at", std::string_view(wire_time(worker.connected_us())))
      .text("last_seen_at", std::string_view(wire_time(worker.last_seen_us())))
      .take();
}

std::string view_of(const WorkerRow& absent) {
  return JsonObject()
      .text("worker_id", std::string_view(absent.worker_id))
      .number("connection", absent.connection)
      .boolean("connected", false)
      .text("protocol", std::string_view(absent.protocol))
      .text("peer", std::string_view(absent.peer))
      .number("max_runs", absent.max_runs)
      .raw("load", "null")
      .text("connected_at", std::string_view(wire_time(absent.connected_us)))
      .text("last_seen_at", std::string_view(wire_time(absent.last_seen_us)))
      .take();
}

}  // namespace charter::gateway
