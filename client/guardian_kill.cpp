#include "client/guardian_kill.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>

#include "client/connection.h"
#include "ipc/journal.h"
#include "ipc/json_scan.h"
#include "ipc/lock.h"
#include "ipc/log_segment.h"
#include "ipc/peer.h"
#include "ipc/regular_file.h"

namespace charter::client {
namespace {

using ipc::JournalSummary;
using ipc::UniqueFd;

constexpr std::int64_t kFindMs = 3'000;    // for a guardian that is just being spawned or ending
constexpr std::int64_t kLadderMs = 2'000;  // the guardian's own time after KILL
constexpr std::int64_t kSlackMs = 30'000;  // for a busy machine
constexpr std::int64_t kCloseMs = 5'000;   // between the guardian's end and a free lock

void nap() {
  constexpr timespec pause{.tv_sec = 0, .tv_nsec = 10'000'000};
  ::nanosleep(&pause, nullptr);
}

Failure failure_of(const ipc::Error& error) { return {kExitOther, error.message()}; }

// A lock that looks held may be a child's copy between fork and exec; only a second look counts.
Expected<bool> held(int journal) {
  for (int look = 0; look < 2; ++look) {
    const auto locked = ipc::is_locked(journal);
    if (!locked) return failure_of(locked.error());
    if (!*locked) return false;
    if (look == 0) nap();
  }
  return true;
}

Expected<UniqueFd> open_run(const ipc::Layout& layout, const std::string& run_id) {
  const std::string path = layout.journal(run_id);
  auto journal = ipc::open_regular(path, O_RDONLY);
  if (!journal) {
    if (journal.error().code != std::errc::no_such_file_or_directory) {
      return failure_of(journal.error());
    }
    if (::access(layout.state_file(run_id).c_str(), F_OK) != 0) {
      return Failure{kExitUnknownRun, "No run '" + run_id + "' is known here, and no daemon " +
                                          "answers that could tell more."};
    }
    return Failure{kExitNoDaemon, "Run '" + run_id + "' does not execute, and no daemon answers " +
                                      "that could cancel it."};
  }
  if (auto fine = ipc::check_log_header(journal->get(), ipc::LogKind::journal); !fine) {
    return failure_of(fine.error());
  }
  return std::move(*journal);
}

// No process of the run lives: what that means is in its last frame.
Expected<KillReport> report_closed(const std::string& run_id, const JournalSummary& summary) {
  if (summary.last == JournalSummary::Last::terminal) {
    KillReport report;
    report.run_id = run_id;
    report.outcome = "already_finished";
    report.status = summary.terminal ? summary.terminal->status : summary.status;
    report.by = "guardian";
    return report;
  }
  if (summary.last == JournalSummary::Last::paused) {
    return Failure{kExitNoDaemon, "Run '" + run_id + "' is paused, and no daemon answers that " +
                                      "could cancel it."};
  }
  return Failure{kExitNoDaemon, "No process of run '" + run_id + "' lives, and no daemon answers " +
                                    "that could close it; the next one to start will."};
}

struct Guardian {
  UniqueFd pidfd;
  bool tearing_down = false;  // the run's end is already written
};

struct Found {
  std::optional<Guardian> guardian;
  JournalSummary summary;  // when there is no guardian
};

// The process that the journal names, if it is that very process.
Expected<Found> find_guardian(int journal) {
  const Deadline give_up = in_ms(kFindMs);
  while (true) {
    const auto locked = held(journal);
    if (!locked) return locked.error();
    auto summary = ipc::summarize(journal);
    if (!summary) return failure_of(summary.error());
    if (!*locked) return Found{std::nullopt, std::move(*summary)};
    if (const auto& opened = summary->opened) {
      if (opened->boot_id == ipc::boot_id() && opened->pid_namespace != ipc::pid_namespace()) {
        Failure failure{kExitOther, "The run executes in another pid namespace; ask from there."};
        failure.code = kElsewhere;
        return failure;
      }
      if (opened->boot_id == ipc::boot_id()) {
        UniqueFd pidfd = ipc::open_process(opened->guardian_pid, opened->guardian_start);
        if (pidfd) return Found{Guardian{std::move(pidfd), summary->terminal.has_value()}, {}};
      }
    }
    if (ipc::boot_ms() >= give_up) {
      return Failure{kExitOther, "Some process holds the run's journal, but its guardian cannot " +
                                     std::string("be found.")};
    }
    nap();
  }
}

// Leaves why and by whom where the run's last worker looks for it: complete or not there, durable,
// and readable by the owner of the run when root asks.
ipc::Result<void> write_note(const ipc::Layout& layout, const std::string& run_id, int journal,
                             const std::optional<std::string>& note) {
  const std::string path = layout.kill_note(run_id);
  const std::string fresh = path + ".new";
  const std::string text = R"({"note":)" + (note ? ipc::quoted(*note) : "null") + R"(,"uid":)" +
                           std::to_string(::getuid()) + "}";
  ::unlink(fresh.c_str());
  const UniqueFd file(
      ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file) return ipc::errno_error("create " + fresh);
  struct stat owner {};
  if (::fstat(journal, &owner) == 0 && owner.st_uid != ::geteuid()) {
    if (::fchown(file.get(), owner.st_uid, owner.st_gid) != 0) {
      return ipc::errno_error("chown " + fresh);
    }
  }
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return ipc::errno_error("write " + fresh);
  }
  if (::fsync(file.get()) != 0) return ipc::errno_error("fsync " + fresh);
  if (::rename(fresh.c_str(), path.c_str()) != 0) return ipc::errno_error("rename to " + path);
  return ipc::sync_directory(layout.journals_dir());
}

bool wait_gone(int pidfd, Deadline deadline) {
  while (true) {
    pollfd gone{.fd = pidfd, .events = POLLIN, .revents = 0};
    const Deadline left = std::clamp<Deadline>(deadline - ipc::boot_ms(), 0, 1'000'000);
    if (::poll(&gone, 1, static_cast<int>(left)) > 0) return true;
    if (ipc::boot_ms() >= deadline) return false;
  }
}

// An end that the disk may not have could be another one after a loss of power.
Expected<void> certain(int journal, const JournalSummary& summary) {
  if (!summary.terminal || !ipc::in_doubt(journal)) return {};
  return Failure{kExitOther, "The run's processes are gone, but the disk may not have its end; " +
                                 std::string("the next daemon will see to that.")};
}

// The guardian has ended; the journal is complete once nobody holds it any more.
Expected<JournalSummary> read_end(int journal) {
  const Deadline give_up = in_ms(kCloseMs);
  while (true) {
    const auto locked = held(journal);
    if (!locked) return locked.error();
    if (!*locked) break;
    if (ipc::boot_ms() >= give_up) {
      return Failure{kExitOther, "The run's guardian has ended, but its journal is still held."};
    }
    nap();
  }
  auto summary = ipc::summarize(journal);
  if (!summary) return failure_of(summary.error());
  // It paused as it was asked to end, and its guardian had gone before it heard.
  if (summary->last == JournalSummary::Last::paused) return std::move(*summary);
  if (!summary->terminal) {
    return Failure{kExitOther, "The run's processes are gone, but its end is not written; the " +
                                   std::string("next daemon will do that.")};
  }
  if (auto written = certain(journal, *summary); !written) return written.error();
  return std::move(*summary);
}

KillReport report_end(const std::string& run_id, const JournalSummary& summary,
                      std::int64_t elapsed_ms, bool tearing_down) {
  KillReport report;
  report.run_id = run_id;
  report.status = summary.terminal->status;
  report.elapsed_ms = elapsed_ms;
  report.asker_uid = static_cast<std::int64_t>(::getuid());
  report.left = summary.terminal->left;
  if (const auto& exit = summary.exit; exit && exit->cause == "killed") {
    report.elapsed_ms = static_cast<std::int64_t>(exit->elapsed_ms);
    if (exit->asker_uid >= 0) report.asker_uid = exit->asker_uid;
    if (report.left.empty()) report.left = exit->left;
  }
  // It may have come to its end by itself just before it was asked.
  const bool by_kill = !tearing_down && report.status == "cancelled";
  report.outcome = !report.left.empty() ? "left" : by_kill ? "ended" : "already_finished";
  report.by = "guardian";
  return report;
}

}  // namespace

Expected<KillReport> kill_by_guardian(const ipc::Layout& layout, const std::string& run_id,
                                      std::uint32_t grace_ms,
                                      const std::optional<std::string>& note) {
  if (!ipc::valid_run_id(run_id)) {
    return Failure{kExitUnknownRun, "'" + run_id + "' is not a run id."};
  }
  auto journal = open_run(layout, run_id);
  if (!journal) return journal.error();
  auto found = find_guardian(journal->get());
  if (!found) return found.error();
  if (!found->guardian) {
    if (auto written = certain(journal->get(), found->summary); !written) return written.error();
    return report_closed(run_id, found->summary);
  }
  const Guardian& guardian = *found->guardian;

  const std::int64_t began = ipc::boot_ms();
  auto asked = write_note(layout, run_id, journal->get(), note);
  if (asked) asked = ipc::request_kill(guardian.pidfd.get(), grace_ms);
  // The guardian may have ended by itself in between, which the journal then shows.
  if (!asked && asked.error().code != std::errc::no_such_process) return failure_of(asked.error());
  if (asked) (void)ipc::signal_process(guardian.pidfd.get(), SIGCONT);  // it may be stopped
  if (!wait_gone(guardian.pidfd.get(), in_ms(grace_ms + kLadderMs + kSlackMs))) {
    return Failure{kExitOther, "Run '" + run_id + "' has been asked to end and has not done so."};
  }
  const std::int64_t elapsed = ipc::boot_ms() - began;
  const auto summary = read_end(journal->get());
  if (!summary) return summary.error();
  if (!summary->terminal) return report_closed(run_id, *summary);
  return report_end(run_id, *summary, elapsed, guardian.tearing_down);
}

}  // namespace charter::client
