#include "gateway/intake.h"

#include <utility>
#include <variant>

#include "ipc/json_scan.h"

namespace charter::gateway {
namespace {

// Whether the order is to approve; its message is the gateway's own.
bool approves(const CommandRow& resume) {
  const auto members = ipc::scan_object(resume.message, {});
  const ipc::JsonMember* approved = members ? ipc::find(*members, "approved") : nullptr;
  return approved != nullptr && approved->raw == "true";
}

}  // namespace

struct Intake::Taking {
  const Batch& batch;
  KnownRuns& runs;
  std::vector<KnownRun> touched;
  Outcome outcome;
};

Intake::Intake(WorkerTable& workers, RunTable& runs, EventTable& events, CommandTable& commands)
    : workers_(workers), runs_(runs), events_(events), commands_(commands) {}

Outcome Intake::take(const Batch& batch) {
  Taking taking{batch, connections_[batch.connection], {}, {}};
  for (const DaemonMessage& message : batch.messages) {
    std::visit([&](const auto& one) { apply(taking, one); }, message);
  }
  write_back(taking);
  return std::move(taking.outcome);
}

void Intake::disconnected(std::int64_t connection, std::int64_t last_seen_us) {
  workers_.disconnected(connection, last_seen_us);
  const auto at = connections_.find(connection);
  if (at == connections_.end()) return;
  std::vector<std::int64_t> ids;
  for (const auto& [name, run] : at->second) ids.push_back(run->row.id);
  connections_.erase(at);
  for (const std::int64_t id : ids) {
    const auto known = by_id_.find(id);
    if (known != by_id_.end() && known->second.expired()) by_id_.erase(known);
  }
}

void Intake::forget() {
  connections_.clear();
  by_id_.clear();
}

void Intake::apply(Taking& taking, const Registration& message) {
  const Batch& batch = taking.batch;
  workers_.add({.connection = batch.connection,
                .worker_id = message.worker_id,
                .peer = batch.peer,
                .protocol = batch.protocol,
                .max_runs = message.max_runs,
                .connected_us = batch.received_us,
                .last_seen_us = batch.received_us});
}

void Intake::apply(Taking& taking, const Announcement& message) {
  const Batch& batch = taking.batch;
  auto row = runs_.find(message.run_id, batch.worker_id, message.started_at);
  const bool fresh = !row;
  if (fresh) {
    row = RunRow{.worker_id = batch.worker_id,
                 .run_id = message.run_id,
                 .started_at = message.started_at,
                 .workflow = workflow_of_path(message.workflow_path.value_or("")),
                 .workflow_path = message.workflow_path,
                 .status = message.status,
                 .connection = batch.connection,
                 .announced_us = batch.received_us,
                 .updated_us = batch.received_us};
    runs_.insert(*row);
  }
  const KnownRun run = share(std::move(*row));
  taking.runs[message.run_id] = run;
  touch(taking, run);
  run->announced = true;
  run->row.connection = batch.connection;
  run->row.workflow_path = message.workflow_path;
  // The announcement tells the daemon's present, which its events may still be on the way to;
  // but what has ended stays so.
  if (!run->row.finished_us && run->row.status != message.status) {
    run->row.status = message.status;
    run->status_changed = true;
  }
  if (!fresh) return;
  const auto start = commands_.open_start(message.run_id, batch.worker_id);
  if (start) settle(taking, start->id, {});
}

void Intake::apply(Taking& taking, const EventMessage& message) {
  const KnownRun run = known(taking, message.run_id);
  const bool fresh = events_.add(run->row.id, message, taking.batch.received_us);
  if (!fresh) return;
  touch(taking, run);
  ++run->row.events;
  run->row.bytes += static_cast<std::int64_t>(message.size);
  run->row.updated_us = taking.batch.received_us;
  // A hole that is filled later says nothing about the present.
  if (message.seq >= run->row.next_seq) advance(taking, *run, message);
  if (run->row.finished_us) taking.runs.erase(message.run_id);
}

void Intake::apply(Taking&, const Heartbeat&) {}

void Intake::apply(Taking& taking, const CommandAnswer& message) {
  const auto command = commands_.find(message.command_id);
  if (!command) return;
  settle(taking, command->id, {.ok = message.ok, .code = message.code, .reason = message.reason});
}

Intake::KnownRun Intake::known(Taking& taking, const std::string& run_id) {
  const auto at = taking.runs.find(run_id);
  if (at != taking.runs.end()) return at->second;
  // An event without an announcement on this connection: its run is the latest of that name.
  auto row = runs_.latest(run_id, taking.batch.worker_id);
  if (!row) {
    row = RunRow{.worker_id = taking.batch.worker_id,
                 .run_id = run_id,
                 .status = "running",
                 .connection = taking.batch.connection,
                 .announced_us = taking.batch.received_us,
                 .updated_us = taking.batch.received_us};
    runs_.insert(*row);
  }
  KnownRun run = share(std::move(*row));
  taking.runs.emplace(run_id, run);
  return run;
}

// Two connections may speak of the same run while the older of them dies: both see one row.
Intake::KnownRun Intake::share(RunRow row) {
  std::weak_ptr<Known>& slot = by_id_[row.id];
  KnownRun run = slot.lock();
  if (!run) {
    run = std::make_shared<Known>();
    run->row = std::move(row);
    slot = run;
  }
  return run;
}

void Intake::touch(Taking& taking, const KnownRun& run) {
  if (run->touched) return;
  run->touched = true;
  taking.touched.push_back(run);
}

void Intake::advance(Taking& taking, Known& run, const EventMessage& message) {
  RunRow& row = run.row;
  row.next_seq = message.seq + 1;
  if (row.finished_us) return;
  settle_by_event(taking, run, message);
  const std::string_view status = status_after(message.kind);
  if (status.empty()) return;
  row.wait_seq.reset();
  row.wait_kind.reset();
  row.wait_step.reset();
  row.wait_pause.reset();
  if (status == "paused") {
    row.wait_seq = message.seq;
    row.wait_step = message.step_id;
    row.wait_pause = message.pause;
    row.wait_kind = message.kind == EventKind::gate_pending ? "gate" : "input";
  }
  const bool terminal = terminal_status(status);
  if (terminal) row.finished_us = taking.batch.received_us;
  if (message.kind == EventKind::failed) row.error = message.error;
  // An announcement may already have told the end; the events on the way to it do not undo that.
  if (row.status != status && (terminal || !terminal_status(row.status))) {
    row.status = status;
    run.status_changed = true;
  }
}

void Intake::settle_by_event(Taking& taking, const Known& run, const EventMessage& message) {
  const bool approved = message.kind == EventKind::gate_approved;
  const bool decided = approved || message.kind == EventKind::gate_refused;
  const bool answered = message.kind == EventKind::step_complete && run.row.wait_kind == "input";
  const bool ended = terminal_status(status_after(message.kind));
  if (!decided && !answered && !ended) return;
  for (const CommandRow& command : commands_.open_of_run(run.row.id)) {
    const bool concerned = (decided && command.kind == "resume") ||
                           (answered && command.kind == "input") ||
                           (message.kind == EventKind::cancelled && command.kind == "cancel");
    const bool took_effect =
        concerned && command.state != "pending" && (!decided || approves(command) == approved);
    if (took_effect) {
      settle(taking, command.id, {});
    } else if (concerned && !ended) {
      settle(taking, command.id,
             {.ok = false, .code = "already_decided", .reason = "another answer came first"});
    } else if (ended) {
      settle(taking, command.id,
             {.ok = false, .code = "run_finished", .reason = "the run ended first"});
    }
  }
}

void Intake::settle(Taking& taking, std::int64_t command, const Verdict& verdict) {
  commands_.settle(command, verdict, taking.batch.received_us);
  taking.outcome.settled.push_back(command);
}

void Intake::write_back(Taking& taking) {
  for (const KnownRun& run : taking.touched) {
    runs_.update(run->row, run->status_changed);
    taking.outcome.runs.push_back({.run = run->row.id,
                                   .run_id = run->row.run_id,
                                   .announced = run->announced,
                                   .next_seq = run->row.next_seq,
                                   .finished = run->row.finished_us.has_value()});
    run->touched = run->announced = run->status_changed = false;
    const auto known = by_id_.find(run->row.id);
    if (run->row.finished_us && known != by_id_.end()) by_id_.erase(known);
  }
}

}  // namespace charter::gateway
