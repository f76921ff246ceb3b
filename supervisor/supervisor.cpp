#include "supervisor/supervisor.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "supervisor/burst.h"
#include "supervisor/log.h"
#include "supervisor/run_watcher.h"

namespace charter::supervisor {
namespace {

constexpr std::chrono::milliseconds kCursorDelay{200};
constexpr std::chrono::milliseconds kLongestStop{700};
constexpr std::chrono::milliseconds kStep{20};

}  // namespace

Supervisor::Supervisor(boost::asio::io_context& context, Base base)
    : context_(context),
      base_(std::move(base)),
      started_at_(ipc::wire_time(ipc::now_us())),
      spawner_(context.get_executor(), children_),
      ledger_disk_(context.get_executor()),
      disk_(context.get_executor()),
      ledger_(context.get_executor(), ledger_disk_, std::move(base_.ledger)),
      registry_(base_.layout, base_.options.resume_lost),
      preparer_(context.get_executor(), base_.worker, base_.layout.root(), spawner_),
      tailer_(context.get_executor(), disk_, base_.layout.journals_mark(), tailer_hooks()),
      limits_(base_.layout, {base_.options.run_memory_max, base_.options.run_pids_max,
                             base_.options.run_cpu_max}),
      groups_(context.get_executor(), limits_),
      launcher_(
          context.get_executor(), base_.worker, base_.layout, spawner_, base_.sandbox,
          {base_.doorbell, base_.options.kill_grace, base_.options.setup_timeout,
           base_.options.teardown_timeout, base_.options.step_output_max, base_.options.run_log_max,
           base_.options.run_time_max, &limits_, base_.options.worker_id, &metrics_},
          [this](const RunPtr& run, std::optional<int> status) {
            groups_.soon();
            conductor_.worker_ended(run, status);
          }),
      conductor_(
          {context.get_executor(), base_.layout, ledger_, disk_, launcher_, tailer_, children_},
          static_cast<std::size_t>(base_.options.max_runs), conductor_hooks()),
      intake_(base_.layout, ledger_, registry_, preparer_, base_.sandbox,
              [this](const RunPtr& run) { run_accepted(run); }),
      commands_(base_.layout, ledger_, registry_, preparer_, intake_, conductor_, base_.sandbox),
      relay_(context.get_executor(),
             {base_.options.worker_id, base_.options.max_runs, base_.options.replay,
              base_.options.gateway_logs},
             base_.layout, registry_, relay_hooks()),
      forgetting_(base_.layout, ledger_, disk_, registry_,
                  [this](const RunPtr& run) {
                    relay_.tell_anew(run);
                    tailer_.sync(run);
                  }),
      retention_(context.get_executor(), disk_, ledger_, base_.layout, registry_,
                 base_.options.retention),
      scratch_(context.get_executor(), base_.worker, base_.layout, spawner_),
      sandbox_guard_(registry_),
      requests_({base_.options.worker_id, base_.options.kill_grace}, base_.layout, registry_,
                intake_, commands_, request_hooks()),
      control_(
          context.get_executor(), {.max_request_bytes = base_.options.max_request_bytes},
          [this](const SessionPtr& session, std::string line) { requests_.handle(session, line); },
          [this](int socket, pid_t pid) { return sandbox_guard_.refuses(socket, pid); }),
      doorbells_(
          context.get_executor(), registry_, [this](const RunPtr& run) { conductor_.hello(run); },
          [this](const RunPtr& run) { tailer_.read(run); }),
      recovery_(base_.layout, registry_, cursor_key()),
      mender_(context.get_executor(), base_.worker, base_.layout, registry_, spawner_,
              {base_.doorbell, base_.options.kill_grace}),
      late_files_(context.get_executor(), base_.worker, base_.layout, registry_, spawner_,
                  {base_.doorbell, base_.options.kill_grace},
                  [this](const RunPtr& run) {
                    run->file_late = false;
                    close_if_delivered(run);
                  }),
      space_(context.get_executor(), disk_, base_.reserve, [this] { say_what_is_refused(); }),
      drain_(context.get_executor(), drain_hooks()),
      cursor_timer_(context.get_executor()),
      stop_timer_(context.get_executor()) {
  inbox_ = std::make_unique<Inbox>(
      Inbox::Settings{base_.options.kill_grace}, ledger_, intake_, commands_, started_,
      [this](CommandAnswer answer) { relay_.answer(std::move(answer)); });
  intake_.when_python([this] { launcher_.expect_python(); });
  ledger_.count_in(metrics_);
  LinkSettings settings;
  settings.gateway = base_.gateway;
  settings.token = base_.options.token;
  settings.token_file = base_.options.token_file;
  settings.offer_capnp = base_.options.offer_capnp;
  settings.insecure_token = base_.options.insecure_token;
  settings.tls = base_.options.tls;
  settings.heartbeat = base_.options.heartbeat_interval;
  settings.reconnect_delay = base_.options.reconnect_delay;
  settings.connect_timeout = base_.options.connect_timeout;
  link_ = std::make_unique<Link>(context.get_executor(), std::move(settings), relay_);
}

Supervisor::~Supervisor() = default;

ipc::Result<void> Supervisor::start(ipc::UniqueFd socket, ipc::UniqueFd doorbell) {
  LedgerStore::Opened& opened = base_.opened;
  intake_.continue_orders_from(opened.state.next_order);
  commands_.continue_numbers_from(opened.state.next_number);
  for (ipc::Started& started : opened.state.starts) started_.add(std::move(started));
  const bool holding = !opened.holding.empty();
  if (holding) {
    log::error("Holding: {}. Runs are shown and delivered, none is started", opened.holding);
    conductor_.set_holding(true);
    intake_.refuse_all({"held", "The daemon starts no runs: " + opened.holding});
  }
  auto read = recovery_.read(std::move(opened.state), holding);
  if (!read) return read.error();
  space_.start();
  ledger_.snapshot_from([this] { return snapshot(); });
  doorbells_.start(std::move(doorbell));
  mender_.look_back();
  for (const std::string& line : limits_.warnings()) log::warning("{}", line);
  groups_.start();
  sweep_scratch();
  recovery_.act(conductor_);
  if (!holding) look_after_old_runs();
  control_.start(std::move(socket));
  link_->start();
  return {};
}

// Of runs that ended while nobody was there to see it.
void Supervisor::sweep_scratch() {
  std::vector<std::string> kept;
  for (const RunPtr& run : registry_.in_order()) {
    if (run->state != RunState::finished) kept.push_back(run->id);
  }
  scratch_.sweep(kept);
}

// No journal goes before the state files are good that can be made good from it.
void Supervisor::look_after_old_runs() {
  mender_.start([this] { retention_.start(); });
}

Relay::Hooks Supervisor::relay_hooks() {
  Relay::Hooks hooks;
  hooks.wake = [this] { link_->wake(); };
  hooks.received = [this](Inbound message, const GatewayLoad::Held& held) {
    inbox_->received(std::move(message), held);
  };
  hooks.confirmed = [this](const RunPtr& run) { delivery_moved(run); };
  hooks.up = [this] { link_is_up(); };
  hooks.describe = [this](std::uint64_t question) { describe_workflows(question); };
  return hooks;
}

void Supervisor::describe_workflows(std::uint64_t question) {
  ipc::PrepareRequest request;
  request.kind = ipc::PrepareRequest::Kind::describe;
  preparer_.prepare(std::move(request), [this, question](const Verdict& verdict) {
    relay_.described(question, verdict);
  });
}

Tailer::Hooks Supervisor::tailer_hooks() {
  Tailer::Hooks hooks;
  hooks.wanted = [this](const Run& run) { return relay_.up() || !run.watchers.empty(); };
  hooks.read = [this](const RunPtr& run) { conductor_.frames_read(run); };
  hooks.durable = [this](const RunPtr& run) { conductor_.durable(run); };
  hooks.sync_failed = [this](const RunPtr& run) { conductor_.sync_failed(run); };
  hooks.step_begun = [this](const RunPtr& run, auto number) { conductor_.step_begun(run, number); };
  hooks.metrics = &metrics_;
  return hooks;
}

Conductor::Hooks Supervisor::conductor_hooks() {
  Conductor::Hooks hooks;
  hooks.announce = [this](const RunPtr& run) { relay_.announce(run); };
  hooks.events_ready = [this](const RunPtr& run) { relay_.events_ready(run); };
  hooks.finished = [this](const RunPtr& run) {
    scratch_.finished(run->id);
    groups_.soon();  // of an adopted run nobody may have seen the worker end
    metrics_.run_ended(*run);
    if (!run->file_late) return close_if_delivered(run);
    if (!conductor_.holding()) late_files_.expect(run);
  };
  hooks.disk_is_short = [this] { return space_.look(); };
  return hooks;
}

Requests::Hooks Supervisor::request_hooks() {
  Requests::Hooks hooks;
  hooks.daemon_view = [this] { return daemon_view(); };
  hooks.stop = [this](bool runs, std::function<void()> answered) {
    stop_by_request(runs, std::move(answered));
  };
  hooks.adopt = [this](std::function<void(const CommandRefusal&)> done) { adopt(std::move(done)); };
  hooks.forget = [this](const Forgetting::Order& order, Forgetting::Done done) {
    forgetting_.forget(order, std::move(done));
  };
  hooks.watched = [this](const RunPtr& run) { tailer_.sync(run); };
  hooks.drain = [this](bool stay) { drain_.begin(stay); };
  hooks.reload = [this] { return reload(); };
  hooks.take_drain_back = [this] { return drain_.take_back(); };
  return hooks;
}

std::string Supervisor::cursor_key() const {
  return base_.gateway.url + " " + base_.options.worker_id;
}

std::vector<ipc::LedgerRecord> Supervisor::snapshot() const {
  std::vector<ipc::LedgerRecord> records;
  records.push_back({ipc::now_us(), base_.place});
  for (auto& record : registry_.snapshot(cursor_key())) records.push_back(std::move(record));
  started_.append_records(records);
  return records;
}

Drain::Hooks Supervisor::drain_hooks() {
  Drain::Hooks hooks;
  hooks.changed = [this] { say_what_is_refused(); };
  hooks.busy = [this] { return conductor_.busy(); };
  hooks.delivering = [this] { return link_up() && registry_.counts().undelivered_runs > 0; };
  hooks.end = [this] {
    if (stop_requested_) stop_requested_();
  };
  return hooks;
}

// For want of space, or because the daemon drains.
void Supervisor::say_what_is_refused() {
  conductor_.set_starved(space_.is_short());
  conductor_.set_draining(drain_.on());
  if (drain_.on()) {
    intake_.refuse_new(Refusal{"draining", "The daemon is draining: it takes no new runs"});
  } else if (space_.is_short()) {
    intake_.refuse_new(Refusal{"disk_full", "The disk is full: " + space_.trouble()});
  } else {
    intake_.refuse_new(std::nullopt);
  }
}

void Supervisor::run_accepted(const RunPtr& run) {
  ++metrics_.runs_accepted;
  conductor_.enqueue(run);
}

// What was read while nobody was there to be told becomes durable now.
void Supervisor::link_is_up() {
  registry_.each([this](const RunPtr& run) { tailer_.sync(run); });
}

void Supervisor::delivery_moved(const RunPtr& run) {
  if (registry_.find(run->id) != run) return;  // it was forgotten
  if (run->delivered() && !run->file_late) return close_if_delivered(run);
  if (std::exchange(run->delivery.noted, false)) moved_.push_back(run);
  if (std::exchange(cursor_timer_set_, true)) return;
  cursor_timer_.expires_after(kCursorDelay);
  cursor_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    cursor_timer_set_ = false;
    note_cursors();
  });
}

void Supervisor::note_cursors() {
  for (const RunPtr& run : std::exchange(moved_, {})) {
    if (std::exchange(run->delivery.noted, true)) continue;
    if (registry_.find(run->id) != run) continue;  // it was forgotten
    ledger_.note({0, ipc::Cursor{cursor_key(), run->id, run->delivery.confirmed_seq,
                                 run->delivery.confirmed_offset}});
  }
}

void Supervisor::close_if_delivered(const RunPtr& run) {
  // Until its file is good a start has to know of it.
  if (!run->delivered() || run->file_late) return;
  run->delivery.noted = true;
  ledger_.note({0, ipc::Cursor{cursor_key(), run->id, run->delivery.confirmed_seq,
                               run->delivery.confirmed_offset}});
  ledger_.note({0, ipc::Closed{run->id, std::string(name_of(run->wire)), true}});
  if (!run->state_path.empty()) ::unlink(run->state_path.c_str());
  registry_.retire(run);
}

void Supervisor::stop(std::function<void()> done) {
  stopping_ = true;
  intake_.refuse_all({"shutting_down", "The daemon is shutting down"});
  control_.stop_accepting();
  note_cursors();
  // Whichever comes first: everything written and the gateway told, or the deadline.
  auto finished = std::make_shared<std::function<void()>>(std::move(done));
  const auto finish = [finished] {
    if (*finished) std::exchange(*finished, nullptr)();
  };
  stop_timer_.expires_after(kLongestStop);
  stop_timer_.async_wait([finish](const boost::system::error_code& error) {
    if (!error) finish();
  });
  link_->stop([this, finish] { ledger_.drain(finish); });
}

void Supervisor::stop_by_request(bool runs, std::function<void()> answered) {
  const auto then = [this, answered = std::move(answered)] {
    answered();
    if (stop_requested_) stop_requested_();
  };
  if (!runs) return then();
  end_runs_then(then);
}

void Supervisor::end_runs_then(std::function<void()> done) {
  intake_.refuse_all({"shutting_down", "The daemon is shutting down"});
  conductor_.set_holding(true);  // what waits stays for the next start
  registry_.each([this](const RunPtr& run) {
    const auto& burst = run->launching != nullptr ? run->launching : run->burst;
    if (burst == nullptr || burst->projecting) return;
    Commands::Cancellation order;
    order.run_id = run->id;
    order.note = "stopped with the daemon";
    order.asker_uid = ::geteuid();
    order.grace_ms = static_cast<std::uint64_t>(base_.options.kill_grace.count());
    order.by_client = true;
    commands_.cancel(std::move(order), [](const CommandRefusal&) {});
  });
  wait_for_runs(base_.options.kill_grace + std::chrono::seconds(5), std::move(done));
}

void Supervisor::wait_for_runs(std::chrono::milliseconds left, std::function<void()> done) {
  if (conductor_.live() == 0 || left.count() <= 0) return done();
  stop_timer_.expires_after(kStep);
  stop_timer_.async_wait(
      [this, left, done = std::move(done)](const boost::system::error_code& error) {
        if (!error) wait_for_runs(left - kStep, done);
      });
}

void Supervisor::adopt(std::function<void(const CommandRefusal&)> done) {
  if (!conductor_.holding() || stopping_)
    return done(Refusal{"invalid_request", "Nothing is held"});
  auto records = recovery_.accept_unknown([this] { return intake_.take_order(); });
  records.push_back({0, base_.place});
  ledger_.append(std::move(records), [this, done](const ipc::Result<void>& written) {
    if (!written) return done(refusal_of(written.error()));
    ledger_.end_holding([this, done](const ipc::Result<void>& ended) {
      if (!ended) return done(refusal_of(ended.error()));
      log::info("The ledger was adopted");
      base_.opened.holding.clear();
      intake_.accept_again();
      conductor_.set_holding(false);
      recovery_.act_on_unknown(conductor_);
      look_after_old_runs();
      registry_.each([this](const RunPtr& run) {
        if (run->state == RunState::finished && run->file_late) late_files_.expect(run);
      });
      done(std::nullopt);
    });
  });
}

}  // namespace charter::supervisor
