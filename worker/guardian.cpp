#include "worker/guardian.h"

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "ipc/full_disk.h"
#include "ipc/job.h"
#include "ipc/journal.h"
#include "ipc/peer.h"
#include "ipc/unique_fd.h"
#include "worker/clock.h"
#include "worker/endings.h"
#include "worker/engine.h"
#include "worker/job_file.h"
#include "worker/kill.h"
#include "worker/reaper.h"
#include "worker/standby.h"

namespace charter::worker {
namespace {

using Last = ipc::JournalSummary::Last;

constexpr std::int64_t kLeastInterruptGraceMs = 200;
constexpr int kEmptyGroupMs = 100;  // until a group whose processes are gone can be removed
constexpr std::int64_t kSpacePatienceMs = 3000;
constexpr std::int64_t kLongestPollMs = 60'000;

sigset_t attended_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGCHLD, ipc::kill_signal()}) {
    ::sigaddset(&set, signal);
  }
  return set;
}

// Who asked for what.
struct Request {
  const char* cause = "interrupted";
  int signal = 0;
  std::int64_t asker_uid = -1;
  std::int64_t grace_ms = 0;
  std::uint64_t limit_ms = 0;  // of the time, when that asks
};

class Guardian {
 public:
  int run();
  int stand_by(pid_t engine, const std::string& origin);

 private:
  static void prepare();
  int watch();
  void read_limits();
  std::optional<Request> request_of(const siginfo_t& info) const;
  std::optional<Request> untaken_kill() const;
  int run_ladder(Request request);
  void lift_limits() const;
  void remove_groups() const;
  void await_end(std::int64_t deadline_ms);
  void stop_engine();
  int conclude(ipc::Exit exit);
  int conclude_engine(int status);

  Reaper reaper_;
  pid_t engine_ = 0;
  ipc::RunLimits limits_;
  Request overtime_;  // what is done when the time is over
  std::int64_t deadline_ms_ = 0;
};

// Project mode, in this very process: the lock never comes free in between.
int become_project() {
  const char* const arguments[] = {"charter-worker", "project", nullptr};
  ::execv("/proc/self/exe", const_cast<char* const*>(arguments));
  log_line(ipc::errno_error("execute /proc/self/exe").message());
  return kExitJournal;
}

void Guardian::prepare() {
  const sigset_t attended = attended_signals();
  (void)::sigprocmask(SIG_BLOCK, &attended, nullptr);
  (void)::signal(SIGCHLD, SIG_DFL);  // who ignores it is never told how a child ended
  (void)::setsid();
  (void)::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

// Engine and interpreter are there before the run is. What asks to end meanwhile is heard once the
// run has come; the supervisor ends it by closing its end. It leaves at once when the interpreter
// is not what would be started now, so that the supervisor hears of that.
int Guardian::stand_by(pid_t engine, const std::string& origin) {
  prepare();
  engine_ = engine;
  reaper_.watch(engine_);
  ipc::UniqueFd supervisors(kStandbyFd);
  ipc::UniqueFd engines(kEngineFd);
  if (origin_here() != origin || !receive_run(supervisors.get()) || !pass_run(engines.get())) {
    (void)kill_tree(reaper_);
    return 0;
  }
  supervisors.reset();
  engines.reset();
  return watch();
}

int Guardian::run() {
  prepare();
  const pid_t self = ::getpid();
  engine_ = ::fork();
  if (engine_ == 0) ::_exit(engine_main(self));
  if (engine_ < 0) {
    log_line(ipc::errno_error("fork the engine").message());
    return kExitJournal;
  }
  reaper_.watch(engine_);
  return watch();
}

// The engine is at work already, so this delays nothing. Without a time limit there is no deadline.
void Guardian::read_limits() {
  const auto job = read_job();
  if (!job) return;
  limits_ = job->limits;
  if (job->run_time_max_ms == 0) return;
  overtime_.cause = kTimeLimit;
  overtime_.limit_ms = job->run_time_max_ms;
  overtime_.grace_ms = static_cast<std::int64_t>(job->kill_grace_ms);
  deadline_ms_ = ipc::boot_ms() + static_cast<std::int64_t>(job->run_time_max_ms);
}

int Guardian::watch() {
  const sigset_t attended = attended_signals();
  read_limits();
  const bool limited = deadline_ms_ != 0;
  for (;;) {
    siginfo_t info{};
    timespec timeout{};
    if (limited) {
      const std::int64_t left = deadline_ms_ - ipc::boot_ms();
      if (left <= 0) return run_ladder(overtime_);
      // The kernel's own wait stands still while the machine sleeps, and the deadline does not.
      const std::int64_t wait = std::min(left, kLongestPollMs);
      timeout = {wait / 1000, wait % 1000 * 1'000'000};
    }
    if (::sigtimedwait(&attended, &info, limited ? &timeout : nullptr) < 0) continue;
    if (info.si_signo == SIGCHLD) {
      (void)reaper_.reap();
      if (const auto status = reaper_.status()) return conclude_engine(*status);
    } else if (const auto request = request_of(info)) {
      return run_ladder(*request);
    }
  }
}

// An engine that was asked to end passes the request on, with the asker in its value.
std::optional<Request> Guardian::request_of(const siginfo_t& info) const {
  Request request;
  request.signal = info.si_signo;
  request.asker_uid = info.si_uid;
  if (info.si_signo == ipc::kill_signal()) {
    request.cause = "killed";
    request.grace_ms = std::max(info.si_value.sival_int, 0);
    return request;
  }
  const bool passed_on = info.si_code == SI_QUEUE && info.si_pid == engine_;
  if (passed_on) request.asker_uid = static_cast<std::uint32_t>(info.si_value.sival_int);
  const auto job = read_job();
  const std::int64_t grace = job ? static_cast<std::int64_t>(job->kill_grace_ms) : 0;
  request.grace_ms = std::max(grace, kLeastInterruptGraceMs);
  return request;
}

// A kill that came when the engine had just left by itself: the end of a child is told first.
std::optional<Request> Guardian::untaken_kill() const {
  sigset_t kill;
  ::sigemptyset(&kill);
  ::sigaddset(&kill, ipc::kill_signal());
  siginfo_t info{};
  const timespec now{};
  if (::sigtimedwait(&kill, &info, &now) != ipc::kill_signal()) return std::nullopt;
  return request_of(info);
}

void Guardian::stop_engine() {
  const ipc::UniqueFd engine(static_cast<int>(::syscall(SYS_pidfd_open, engine_, 0)));
  if (!engine) return;
  (void)ipc::signal_process(engine.get(), stop_signal());
  (void)ipc::signal_process(engine.get(), SIGCONT);  // so that it can reap meanwhile
}

// Waits for the tree to be empty: the engine leaves when it has no child left. A second request
// may shorten the grace.
void Guardian::await_end(std::int64_t deadline_ms) {
  const sigset_t attended = attended_signals();
  while (reaper_.reap()) {
    const std::int64_t left = deadline_ms - ipc::boot_ms();
    if (left <= 0) return;
    const timespec timeout{left / 1000, left % 1000 * 1'000'000};
    siginfo_t info{};
    if (::sigtimedwait(&attended, &info, &timeout) == ipc::kill_signal()) {
      deadline_ms = std::min(deadline_ms, ipc::boot_ms() + std::max(info.si_value.sival_int, 0));
    }
  }
}

// What is being ended must not wait for its share of the processors; nor need the walk below find
// what the kernel can end in one go.
void Guardian::lift_limits() const {
  ipc::lift_cpu_limit(limits_);
  ipc::kill_group(limits_.kill_group);
}

// What is left in one keeps it there, for the supervisor's next look.
void Guardian::remove_groups() const {
  if (!limits_.groups().empty()) (void)ipc::remove_groups(limits_.groups(), kEmptyGroupMs);
}

int Guardian::run_ladder(Request request) {
  const std::int64_t begun = ipc::boot_ms();
  stop_engine();
  terminate_tree({}, engine_);
  await_end(begun + request.grace_ms);
  lift_limits();
  KillOutcome outcome = kill_tree(reaper_);
  ipc::Exit exit;
  exit.cause = request.cause;
  exit.limit_ms = request.limit_ms;
  exit.signal = request.signal;
  exit.asker_uid = request.asker_uid;
  exit.elapsed_ms = static_cast<std::uint64_t>(ipc::boot_ms() - begun);
  exit.left = std::move(outcome.left);
  return conclude(std::move(exit));
}

int Guardian::conclude_engine(int status) {
  const std::int64_t begun = ipc::boot_ms();
  lift_limits();
  KillOutcome outcome = kill_tree(reaper_);
  const ipc::GroupCounts counts = ipc::count_groups(limits_);
  const auto kill = untaken_kill();
  if (!kill && WIFEXITED(status) && WEXITSTATUS(status) == kExitDone) {
    remove_groups();
    return 0;
  }
  ipc::Exit exit;
  if (kill) {
    exit.cause = "killed";
    exit.signal = kill->signal;
    exit.asker_uid = kill->asker_uid;
  } else {
    exit.cause = WIFSIGNALED(status) ? "signal" : "code";
    exit.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    exit.code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    exit.out_of_memory = exit.signal == SIGKILL && counts.memory_kills > 0;
    if (exit.out_of_memory) exit.memory_limit = limits_.memory;
    if (exit.out_of_memory) exit.memory_peak = counts.memory_peak;
  }
  exit.elapsed_ms = static_cast<std::uint64_t>(ipc::boot_ms() - begun);
  exit.left = std::move(outcome.left);
  return conclude(std::move(exit));
}

// On a full disk the supervisor gives up what it keeps for this, when it looks next.
ipc::Result<void> append_patiently(ipc::Journal& journal, const ipc::JournalFrame& frame) {
  const std::int64_t deadline = ipc::boot_ms() + kSpacePatienceMs;
  for (;;) {
    auto appended = journal.append(frame);
    if (appended || !ipc::is_full_disk(appended.error()) || ipc::boot_ms() > deadline) {
      return appended;
    }
    const timespec pause{0, 50'000'000};
    (void)::nanosleep(&pause, nullptr);
  }
}

// Whether an engine that was to go on with a lost run left before it began, because it could not
// read what the run has done. Nothing is lost by that; the supervisor counts such tries.
bool could_not_go_on(const ipc::Job& job, const ipc::JournalSummary& summary) {
  return job.cause == "continue" && summary.bursts < job.burst;
}

int Guardian::conclude(ipc::Exit exit) {
  remove_groups();
  const auto summary = ipc::summarize(ipc::kJournalFd);
  if (!summary) {
    log_line(summary.error().message());
    return kExitJournal;
  }
  const bool wanted = exit.cause == "killed";
  // The supervisor lets such a run go on, this one or the next; nothing more is written here.
  const auto job = read_job();
  const bool goes_on = exit.cause == "signal" && job && job->resume_lost && !summary->over;
  if (summary->last == Last::terminal || (summary->last == Last::paused && !wanted)) return 0;
  if (exit.cause == "code" && job && could_not_go_on(*job, *summary)) return 0;
  auto journal = ipc::Journal::attach(ipc::kJournalFd, summary->end);
  auto appended = journal ? append_patiently(*journal, {ipc::now_us(), std::move(exit)})
                          : ipc::Result<void>(journal.error());
  if (!appended) {
    log_line(appended.error().message());
    return kExitJournal;
  }
  return goes_on ? 0 : become_project();
}

}  // namespace

int run_main() { return Guardian().run(); }

int standby_main(pid_t engine, const std::string& origin) {
  return Guardian().stand_by(engine, origin);
}

}  // namespace charter::worker
