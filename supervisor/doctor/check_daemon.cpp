// The socket, who answers there, and what that says of itself.
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/layout.h"
#include "ipc/versions.h"
#include "supervisor/doctor/subject.h"

namespace charter::supervisor {
namespace {

using client::Fields;

// False when nobody can serve there.
bool check_socket(const Subject& subject, Report& report) {
  const std::string& path = subject.target->socket;
  if (path.size() > ipc::kMaxSocketPath) {
    report.fail("socket",
                "the path is " + std::to_string(path.size()) + " bytes long, more than the " +
                    std::to_string(ipc::kMaxSocketPath) + " that a socket may have: " + path,
                "set CHARTER_DAEMON_SOCKET to a shorter one, for daemon and clients alike");
    return false;
  }
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    report.warn("socket", "there is none at " + path, "start the daemon: charter-daemon start");
    return false;
  }
  if (!S_ISSOCK(info.st_mode)) {
    report.fail("socket", path + " is no socket", "move it away, or choose another --socket-path");
    return false;
  }
  if (info.st_uid != ::geteuid() && ::geteuid() != 0) {
    report.fail("socket", path + " belongs to uid " + std::to_string(info.st_uid),
                "talk to the daemon as the user it runs as");
    return false;
  }
  if ((info.st_mode & 0077) != 0) {
    report.fail("socket", path + " is open to other users", "restart the daemon, which closes it");
    return true;
  }
  report.ok("socket", path);
  return true;
}

void check_versions(const Subject& subject, Report& report) {
  const std::string ours(ipc::product_version());
  const std::string theirs = subject.ping->text("version");
  if (theirs == ours) return report.ok("versions", "this program and the daemon are " + ours);
  report.warn("versions", "this program is " + ours + ", the running daemon " + theirs,
              "restart the daemon; its runs go on and are found again");
}

void check_state(const Subject& subject, Report& report) {
  const Fields daemon = subject.status->object("daemon");
  const std::string pid = "pid " + std::string(daemon.raw("pid"));
  for (const char* trouble : {"ledger_trouble", "disk_trouble"}) {
    if (const std::string what = daemon.text(trouble); !what.empty()) {
      return report.fail("daemon", pid + ": " + what, "see to the disk below its data directory");
    }
  }
  if (const std::string why = daemon.text("holding"); !why.empty()) {
    return report.warn("daemon", pid + " starts nothing: " + why,
                       "if the data here is the one that counts: charter-daemon adopt");
  }
  if (daemon.object("drain").has("since")) {
    return report.warn("daemon", pid + " drains and takes no new runs",
                       "to take it back: charter-daemon drain --off");
  }
  report.ok("daemon", pid + ", since " + daemon.text("started_at"));
}

void check_limits(const Subject& subject, Report& report) {
  const Fields limits = subject.status->object("daemon").object("limits");
  std::string missing;
  for (const char* name : {"memory", "pids", "cpu"}) {
    const Fields limit = limits.object(name);
    if (!limit.has("max") || limit.truth("in_force")) continue;
    missing += (missing.empty() ? "" : "; ") + std::string(name) + ": " + limit.text("note");
  }
  if (missing.empty()) return report.ok("limits", "all that are set are in force");
  report.warn("limits", "not in force: " + missing, kDelegate);
}

void check_link(const Subject& subject, Report& report) {
  const Fields gateway = subject.status->object("daemon").object("gateway");
  const std::string state = gateway.text("state");
  if (state == "up") {
    const std::string warning = gateway.text("warning");
    if (warning.empty()) return report.ok("link", "up since " + gateway.text("connected_since"));
    return report.warn("link", "up, but " + warning, "see 'charter-daemon help gateways'");
  }
  const std::string error = gateway.text("last_error");
  report.warn("link", "the daemon's connection is " + state + (error.empty() ? "" : ": " + error),
              "the checks below say how far the way goes; events are kept meanwhile");
}

}  // namespace

void check_daemon(const Subject& subject, Report& report) {
  if (!subject.target) return;
  const bool possible = check_socket(subject, report);
  if (!subject.ping) {
    if (possible) {
      report.warn("daemon", subject.no_answer,
                  "start it: charter-daemon start; if its process lives, its log says more");
    }
    return;
  }
  check_versions(subject, report);
  // One that serves goes on in the place that it was started in, and its socket moves along.
  if (const std::string served = subject.ping->text("project");
      !served.empty() && served != subject.target->root) {
    return report.fail("daemon", "it serves " + served + ", not this project",
                       "if the project was moved: charter-daemon stop, and start it here; else see "
                       "to CHARTER_DAEMON_SOCKET");
  }
  if (!subject.status) {
    return report.fail("daemon", subject.no_answer, "its log says more");
  }
  check_state(subject, report);
  check_limits(subject, report);
  check_link(subject, report);
}

}  // namespace charter::supervisor
