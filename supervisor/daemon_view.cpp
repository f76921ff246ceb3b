// How the daemon is looked at and changed from outside: status, metrics, readiness, reload.
#include <unistd.h>

#include <algorithm>

#include "ipc/journal.h"
#include "ipc/json_object.h"
#include "ipc/versions.h"
#include "supervisor/log.h"
#include "supervisor/log_output.h"
#include "supervisor/reload.h"
#include "supervisor/supervisor.h"
#include "supervisor/telemetry.h"

namespace charter::supervisor {

std::string Supervisor::metrics() const {
  return metrics_text({registry_, metrics_, link_->status(), base_.gateway.url,
                       base_.options.max_runs, limits_.held_back(), drain_.on(),
                       conductor_.holding(), space_.is_short(), !ledger_.trouble().empty()});
}

std::string Supervisor::not_ready() const {
  if (stopping_) return "stopping";
  if (drain_.on()) return "draining";
  if (conductor_.holding()) return "holding, " + base_.opened.holding;
  if (space_.is_short()) return "the disk is full, " + space_.trouble();
  return {};
}

// A limit that nobody asked for at the start has no means by which it could be kept.
void Supervisor::take_limits(Reloaded& reloaded) {
  StartOptions& options = reloaded.options;
  launcher_.set_limits(options.run_time_max, options.step_output_max);
  const auto later =
      limits_.change({options.run_memory_max, options.run_pids_max, options.run_cpu_max});
  for (const std::string& limit : later) {
    const std::string name = "run-" + limit + "-max";
    std::erase_if(reloaded.changed, [&](const auto& change) { return change.option == name; });
    reloaded.restart.push_back(name);
    options.texts[name] = base_.options.texts[name];
  }
}

ipc::Result<std::string> Supervisor::reload() {
  if (stopping_) return ipc::plain_error("The daemon is shutting down");
  auto reloaded = read_options_anew(base_.options);
  if (!reloaded) {
    const ipc::Error& error = reloaded.error();
    log::error("Reload: nothing was changed: {}",
               log::one_line(ipc::is_usage_error(error) ? error.what : error.message()));
    return error;
  }
  StartOptions& options = reloaded->options;
  for (const std::string& warning : options.warnings) log::warning("{}", warning);
  take_limits(*reloaded);
  log::setup(options.log_level);
  if (auto opened = log::reopen(); !opened) log::error("{}", opened.error().message());
  if (auto opened = base_.worker.reopen_log(base_.layout); !opened) {
    log::error("{}", opened.error().message());
  }
  relay_.set_max_runs(options.max_runs);
  link_->use(options.token, options.token_file, options.tls);
  conductor_.set_slots(static_cast<std::size_t>(options.max_runs));
  for (const Reloaded::Change& change : reloaded->changed) {
    log::info("Reload: {} is {} now, was {}", change.option, change.to, change.from);
  }
  for (const std::string& name : reloaded->restart) {
    log::warning("Reload: {} has changed and needs a restart", name);
  }
  base_.options = options;
  link_->redial();
  log::info("Reloaded: token file and certificates are read anew");
  return reloaded->view();
}

std::string Supervisor::daemon_view() const {
  const Registry::Counts counts = registry_.counts();
  const auto number = [](auto value) { return static_cast<std::int64_t>(value); };
  const std::string runs = ipc::JsonObject()
                               .number("queued", number(counts.queued))
                               .number("executing", number(counts.executing))
                               .number("paused", number(counts.paused))
                               .number("unreachable", number(counts.unreachable))
                               .number("held", number(counts.held))
                               .number("finished_undelivered", number(counts.finished_undelivered))
                               .str();
  const LinkStatus link = link_->status();
  const auto time_or_none = [](std::int64_t us) {
    return us == 0 ? std::string() : ipc::wire_time(us);
  };
  const bool capnp = link.protocol == WireProtocol::capnp;
  const bool pong = link.confirms_by_pong;
  constexpr std::string_view kStates[] = {"stopped", "connecting", "up", "waiting"};
  const std::string gateway =
      ipc::JsonObject()
          .text("url", base_.gateway.url)
          .text("state", kStates[static_cast<std::size_t>(link.state)])
          .text_or_null("last_error", link.last_error)
          .text_or_null("warning", link.warning)
          .number("connections", number(link.connections))
          .number("attempts", number(link.attempts))
          .text_or_null("connected_since", time_or_none(link.up_since_us))
          .text_or_null("last_heartbeat_at", time_or_none(link.last_heartbeat_us))
          .text_or_null("last_heard_at", time_or_none(link.last_heard_us))
          .text("protocol", capnp ? "capnp" : "json")
          .text("confirms", capnp  ? "ack"
                            : pong ? "pong"
                                   : "tcp")
          .number("backlog_events", number(counts.undelivered_events))
          .number("backlog_runs", number(counts.undelivered_runs))
          .number("next_try_ms", number(link.next_try.count()))
          .str();
  ipc::JsonObject view;
  view.text("version", ipc::product_version())
      .number("pid", ::getpid())
      .text("project", base_.layout.root())
      .text("worker_id", base_.options.worker_id)
      .text("socket", base_.options.socket_path)
      .text("data_dir", base_.layout.data_dir())
      .text("started_at", started_at_)
      .number("max_runs", base_.options.max_runs)
      .raw("limits", limits_.json({base_.options.run_time_max.count(),
                                   base_.options.step_output_max, base_.options.run_log_max}))
      .raw("sandbox", base_.sandbox.view())
      .text_or_null("holding", base_.opened.holding)
      .text_or_null("ledger_trouble", ledger_.trouble())
      .text_or_null("disk_trouble", space_.trouble())
      .raw("drain", drain_.view())
      .raw("runs", runs)
      .raw("gateway", gateway);
  return view.str();
}

}  // namespace charter::supervisor
