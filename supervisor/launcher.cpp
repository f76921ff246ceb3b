#include "supervisor/launcher.h"

#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include "ipc/codec.h"
#include "ipc/full_disk.h"
#include "ipc/lock.h"
#include "ipc/log_segment.h"
#include "ipc/regular_file.h"
#include "supervisor/burst.h"
#include "supervisor/process_watch.h"
#include "supervisor/run_files.h"
#include "supervisor/spawn.h"

namespace charter::supervisor {
namespace {

const char* name_of(Cause cause) {
  switch (cause) {
    case Cause::start:
      return "start";
    case Cause::resume:
      return "resume";
    case Cause::input:
      return "input";
    case Cause::go_on:
      return "continue";
    case Cause::project:
      break;
  }
  return "project";
}

// Want of what all processes share, or a file system that takes nothing: it may pass.
bool is_the_hosts(const ipc::Error& error) {
  const int code = error.code.value();
  return ipc::is_full_disk(error) || code == EAGAIN || code == ENOMEM || code == EMFILE ||
         code == ENFILE || code == EROFS;
}

ipc::Result<std::string> read_file(const std::string& path) {
  const auto file = ipc::open_regular(path, O_RDONLY);
  if (!file) return file.error();
  return ipc::read_all(file->get(), kStateLimit);
}

// The state the first burst began with, from the journal's first frame.
ipc::Result<std::string> state_in_journal(const std::string& path) {
  const auto file = ipc::open_regular(path, O_RDONLY);
  if (!file) return file.error();
  ipc::LogReader reader(file->get());
  for (;;) {
    auto next = reader.next();
    if (!next) return next.error();
    if (next->outcome == ipc::LogReader::Outcome::end) {
      return ipc::plain_error(path + " does not hold the run's first state");
    }
    if (next->outcome == ipc::LogReader::Outcome::damaged) continue;
    auto frame = ipc::decode_journal_frame(next->payload);
    if (!frame) continue;
    if (auto* opened = std::get_if<ipc::Opened>(&frame->body)) return std::move(opened->state);
  }
}

// What the journal amounts to while no burst is there to remember it.
ipc::JournalSummary summary_between_bursts(const Run& run) {
  ipc::JournalSummary summary;
  if (run.waits_at != PauseKind::none) summary.last = ipc::JournalSummary::Last::paused;
  summary.next_seq = run.progress.next_seq;
  summary.end = run.progress.end;
  summary.pauses = run.pauses;
  summary.bursts = run.bursts;
  if (run.started_burst) summary.status = name_of(run.wire);
  return summary;
}

}  // namespace

std::string random_secret() {
  std::array<unsigned char, 16> bytes{};
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t got = ::getrandom(bytes.data() + have, bytes.size() - have, 0);
    if (got > 0) have += static_cast<std::size_t>(got);
  }
  std::string text;
  for (const unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

Launcher::Launcher(boost::asio::any_io_executor executor, const WorkerProgram& worker,
                   const ipc::Layout& layout, Spawner& spawner, const SandboxPolicy& sandbox,
                   Settings settings, Ended ended)
    : executor_(std::move(executor)),
      worker_(worker),
      layout_(layout),
      spawner_(spawner),
      sandbox_(sandbox),
      settings_(std::move(settings)),
      ended_(std::move(ended)),
      standby_(executor_, worker, layout, spawner) {}

void Launcher::launch(const RunPtr& run, const LaunchOrder& order, Done done) {
  auto journal = open_journal(*run);
  if (!journal) return done(fault(journal.error()));
  // The directory is everybody's.
  if (auto named = name_journal(*run); !named) return done(LaunchFault{named.error(), false});
  auto locked = ipc::try_lock(journal->get());
  if (!locked) return done(fault(locked.error()));
  if (!*locked) {
    return done(fault(ipc::plain_error("another worker holds the journal of run " + run->id)));
  }
  const std::uint32_t number = order.cause == Cause::project ? run->bursts : run->bursts + 1;
  auto job = make_job(*run, order, number);
  if (!job) return done(fault(job.error()));
  run->sandbox = run->sandbox || job->sandbox.level > 0;
  auto begun = spawn_worker(run, *job, std::move(*journal), done);
  if (!begun) done(fault(begun.error()));
}

// Of what comes before a process. Where no journal can be reached this one's is not the reason.
LaunchFault Launcher::fault(ipc::Error error) const {
  const bool reachable = ::access(layout_.journals_dir().c_str(), R_OK | W_OK | X_OK) == 0;
  const bool own = reachable && !is_the_hosts(error);
  return {std::move(error), own};
}

// A journal without a header was created by a supervisor that died right then, or is what a loss of
// power has left of one of which nothing was promised.
ipc::Result<ipc::UniqueFd> Launcher::open_journal(Run& run) const {
  if (run.fresh_journal) return std::move(run.fresh_journal);
  const std::string path = layout_.journal(run.id);
  auto opened = ipc::open_regular(path, O_RDWR | O_CREAT, 0600);
  if (!opened) return opened.error();
  ipc::UniqueFd file = std::move(*opened);
  const auto found = ipc::check_log_header(file.get(), ipc::LogKind::journal);
  if (!found) {
    if (found.error().code != std::errc::no_message_available) return found.error();
    if (::ftruncate(file.get(), 0) != 0) return ipc::errno_error("empty " + path);
    if (auto header = ipc::write_log_header(file.get(), ipc::LogKind::journal); !header) {
      return header.error();
    }
  }
  if (!found) run.journal_named = false;
  return file;
}

// Of a journal that was found, too: a sync behind whoever made it may have failed.
ipc::Result<void> Launcher::name_journal(Run& run) const {
  if (run.journal_named) return {};
  auto synced = ipc::sync_directory(layout_.journals_dir());
  run.journal_named = static_cast<bool>(synced);
  return synced;
}

ipc::Result<std::string> Launcher::first_state(const Run& run) const {
  if (!run.state_bytes.empty()) return run.state_bytes;
  if (!run.state_path.empty()) {
    if (auto state = read_file(run.state_path)) return state;
  }
  return state_in_journal(layout_.journal(run.id));
}

ipc::Result<ipc::Job> Launcher::make_job(const Run& run, const LaunchOrder& order,
                                         std::uint32_t number) const {
  ipc::Job job;
  job.run_id = run.id;
  job.project_root = run.layout(layout_).root();
  job.data_dir = layout_.data_dir();
  job.workflow_path = run.workflow_path;
  job.worker_id = settings_.worker_id;
  job.doorbell = settings_.doorbell;
  job.secret = random_secret();
  job.burst = number;
  job.cause = name_of(order.cause);
  job.kill_grace_ms = static_cast<std::uint64_t>(settings_.kill_grace.count());
  job.setup_timeout_ms = static_cast<std::uint64_t>(settings_.setup_timeout.count());
  job.teardown_timeout_ms = static_cast<std::uint64_t>(settings_.teardown_timeout.count());
  job.step_output_max = settings_.step_output_max;
  job.log_max = settings_.run_log_max;
  job.run_time_max_ms = static_cast<std::uint64_t>(settings_.run_time_max.count());
  if (settings_.limits != nullptr) job.limits = settings_.limits->of(run.id, number);
  job.sandbox = sandbox_.of(run.sandbox, run.layout(layout_));
  job.next_seq = std::max(run.progress.next_seq, run.delivery.confirmed_seq);
  job.reason = order.reason;
  job.pauses = run.pauses;
  job.resume_lost = run.resume_lost;
  job.retry_of = run.retry_of;
  if (order.command != nullptr) job.command = *order.command;
  if (order.cause == Cause::start || !run.started_burst) {
    auto state =
        run.adopted_paused ? read_file(run.layout(layout_).state_file(run.id)) : first_state(run);
    // An end can be written without it.
    const bool needed = order.cause != Cause::project;
    if (!state && (needed || is_the_hosts(state.error()))) return state.error();
    if (state) job.state = std::move(*state);
  }
  return job;
}

ipc::Result<void> Launcher::spawn_worker(const RunPtr& run, const ipc::Job& job,
                                         ipc::UniqueFd journal, Done done) {
  auto memory = ipc::memory_file(ipc::encode(job));
  if (!memory) return memory.error();
  const std::string path = layout_.journal(run->id);
  auto opened = ipc::open_regular(path, O_RDONLY);
  if (!opened) return opened.error();
  auto reading = std::make_shared<ipc::UniqueFd>(std::move(*opened));

  const bool projecting = job.cause == "project";
  run->launching = std::make_shared<Burst>(std::move(reading), run->progress.end);
  run->launching->number = job.burst;
  run->launching->projecting = projecting;
  run->launching->secret = job.secret;
  // Who stands by is in no sandbox. Nor is a run given to another of them when it was lost with
  // one: where sources have changed all of them are leaving.
  const bool bare = job.sandbox.level == 0;
  const bool again = run->fruitless_starts > 0;
  if (!run->python || projecting || again || !bare || !run->project_root.empty()) {
    begin(run, std::move(journal), std::move(*memory), std::move(done));
    return {};
  }
  struct Handed {
    ipc::UniqueFd journal;
    ipc::UniqueFd job;
  };
  auto handed = std::make_shared<Handed>(Handed{std::move(journal), std::move(*memory)});
  standby_.hand_over(handed->journal.get(), handed->job.get(),
                     [this, run, handed, done = std::move(done)](auto guardian) mutable {
                       if (!guardian) {
                         begin(run, std::move(handed->journal), std::move(handed->job),
                               std::move(done));
                         return;
                       }
                       spawned(run, std::move(*guardian));
                       done(std::nullopt);
                     });
  return {};
}

// A process of its own, from its very beginning.
void Launcher::begin(const RunPtr& run, ipc::UniqueFd journal, ipc::UniqueFd job, Done done) {
  Spawner::Order order;
  order.spec.program = worker_.program.get();
  order.spec.arguments = {"charter-worker", run->launching->projecting ? "project" : "run"};
  order.spec.environment = &worker_.environment;
  const std::string& root = run->project_root.empty() ? layout_.root() : run->project_root;
  order.spec.directory = root.c_str();
  order.spec.descriptors = {worker_.null.get(), worker_.log.get(), worker_.log.get(), journal.get(),
                            job.get()};
  order.owned.push_back(std::move(journal));
  order.owned.push_back(std::move(job));

  spawner_.spawn(std::move(order), [this, run, done = std::move(done)](auto process) {
    if (!process) {
      run->launching.reset();
      if (settings_.metrics != nullptr) ++settings_.metrics->spawn_failures;
      const bool own = !run->project_root.empty() && process.error().what == kEnterDirectory;
      return done(LaunchFault{process.error(), own});
    }
    spawned(run, std::move(*process));
    done(std::nullopt);
  });
}

void Launcher::spawned(const RunPtr& run, SpawnedProcess process) {
  const auto burst = std::exchange(run->launching, nullptr);
  if (settings_.metrics != nullptr) {
    settings_.metrics->spawn_time.add(std::chrono::steady_clock::now() - burst->making_since);
  }
  // What an earlier burst's reader has read meanwhile is not read again.
  burst->reader = ipc::LogReader(burst->journal->get(), run->progress.end);
  burst->summary = run->burst ? run->burst->summary : summary_between_bursts(*run);
  burst->guardian = std::make_unique<ProcessWatch>(
      executor_, std::move(process.pidfd), process.pid, &spawner_.children(),
      [this, weak = std::weak_ptr<Run>(run)](std::optional<int> status) {
        const RunPtr alive = weak.lock();
        if (!alive) return;
        // The next one is likely to be like this one.
        const bool bare = !alive->sandbox && !sandbox_.every_run;
        if (alive->python && bare && alive->project_root.empty()) standby_.warm();
        ended_(alive, status);
      });
  run->burst = burst;
}

}  // namespace charter::supervisor
