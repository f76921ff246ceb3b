#include "supervisor/telemetry.h"

#include <array>

#include "ipc/exposition.h"
#include "ipc/versions.h"

namespace charter::supervisor {
namespace {

using ipc::Exposition;

constexpr std::array kStates{RunState::queued,      RunState::starting, RunState::executing,
                             RunState::paused,      RunState::ending,   RunState::finished,
                             RunState::unreachable, RunState::held};

double number(auto value) { return static_cast<double>(value); }

void add_runs(Exposition& text, const Figures& figures) {
  std::array<std::uint64_t, kStates.size()> by_state{};
  figures.registry.each(
      [&](const RunPtr& run) { ++by_state.at(static_cast<std::size_t>(run->state)); });
  text.gauge("charter_runs", "Runs that are not over, or not delivered yet, by state");
  for (const RunState state : kStates) {
    text.sample(number(by_state.at(static_cast<std::size_t>(state))), {{"state", name_of(state)}});
  }
  const Metrics& metrics = figures.metrics;
  text.gauge("charter_max_runs", "Runs that may execute at once", figures.max_runs)
      .counter("charter_runs_accepted_total", "Runs taken on since the start",
               metrics.runs_accepted)
      .counter("charter_runs_finished_total", "Runs that ended since the start, by how")
      .sample(number(metrics.runs_ended[0]), {{"status", name_of(WireStatus::completed)}})
      .sample(number(metrics.runs_ended[1]), {{"status", name_of(WireStatus::failed)}})
      .sample(number(metrics.runs_ended[2]), {{"status", name_of(WireStatus::cancelled)}})
      .histogram("charter_run_duration_seconds",
                 "From a run's acceptance to its end, with its time in the queue and its pauses",
                 metrics.run_time)
      .counter("charter_run_limit_hits_total", "Runs that failed because of a limit")
      .sample(number(metrics.memory_limit_hits), {{"limit", "memory"}})
      .sample(number(metrics.pids_limit_hits), {{"limit", "pids"}})
      .sample(number(metrics.time_limit_hits), {{"limit", "time"}})
      .gauge("charter_runs_held_back_by_cpu",
             "Executing runs that their limit of processors has slowed down",
             number(figures.held_back));
}

void add_steps(Exposition& text, const Metrics& metrics) {
  text.counter("charter_steps_started_total", "Steps that began", metrics.steps_started)
      .counter("charter_steps_finished_total", "Steps that were carried out",
               metrics.steps_completed)
      .counter("charter_steps_failed_total", "Steps that failed", metrics.steps_failed)
      .counter("charter_steps_skipped_total", "Steps that were passed over", metrics.steps_skipped)
      .counter("charter_step_retries_total", "Further attempts at steps", metrics.step_retries)
      .histogram("charter_step_duration_seconds", "How long steps took that finished or failed",
                 metrics.step_time);
}

void add_disk(Exposition& text, const Metrics& metrics) {
  text.histogram("charter_worker_spawn_seconds",
                 "From the decision to start a worker until its process is there",
                 metrics.spawn_time)
      .counter("charter_worker_spawn_failures_total", "Workers that could not be started",
               metrics.spawn_failures)
      .counter("charter_journal_bytes_total", "Read of what workers append to journals",
               metrics.journal_bytes)
      .histogram("charter_journal_fsync_seconds", "What a sync of a run's journal took",
                 metrics.journal_sync_time)
      .histogram("charter_ledger_fsync_seconds",
                 "What writing and syncing a group of the ledger's records took",
                 metrics.ledger_sync_time);
}

void add_gateway(Exposition& text, const Figures& figures) {
  const Registry::Counts counts = figures.registry.counts();
  const std::string_view url = figures.gateway;
  const auto connections = figures.link.connections;
  text.gauge("charter_gateway_up", "Whether the connection to the gateway stands")
      .sample(figures.link.state == LinkStatus::State::up ? 1 : 0, {{"gateway", url}})
      .counter("charter_gateway_reconnects_total", "Connections that stood, but for the first")
      .sample(number(connections > 0 ? connections - 1 : 0), {{"gateway", url}})
      .gauge("charter_gateway_backlog_events", "Events the gateway has not confirmed")
      .sample(number(counts.undelivered_events), {{"gateway", url}})
      .gauge("charter_gateway_backlog_runs", "Runs of which it has not confirmed everything")
      .sample(number(counts.undelivered_runs), {{"gateway", url}});
}

}  // namespace

std::string metrics_text(const Figures& figures) {
  Exposition text;
  text.gauge("charter_build_info", "The program's version")
      .sample(1, {{"version", ipc::product_version()}});
  add_runs(text, figures);
  add_steps(text, figures.metrics);
  add_disk(text, figures.metrics);
  add_gateway(text, figures);
  text.gauge("charter_draining", "Whether no new runs are taken because of a drain",
             figures.draining ? 1 : 0)
      .gauge("charter_holding", "Whether nothing is started until a person says so",
             figures.holding ? 1 : 0)
      .gauge("charter_disk_short", "Whether new runs are refused for want of space",
             figures.disk_short ? 1 : 0)
      .gauge("charter_ledger_trouble", "Whether the last write of the ledger failed",
             figures.ledger_trouble ? 1 : 0)
      .process();
  return text.take();
}

}  // namespace charter::supervisor
