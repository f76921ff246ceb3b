#include "ipc/clean_world.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>

namespace charter::ipc {
namespace {

constexpr std::array<std::string_view, 8> kWithheldNames = {
    "CHARTER_PROJECT_PATH", "NOTIFY_SOCKET",         "INVOCATION_ID", "JOURNAL_STREAM", "MAINPID",
    "SYSTEMD_EXEC_PID",     "CREDENTIALS_DIRECTORY", "FDSTORE"};
constexpr std::array<std::string_view, 6> kWithheldPrefixes = {
    "CHARTER_DAEMON_", "CHARTER_GATEWAY", "LISTEN_", "WATCHDOG_", "MANAGERPID", "MEMORY_PRESSURE_"};

// What restore_in_child() needs, in memory that a forked child can read without allocating.
struct World {
  bool known = false;
  mode_t mask = 0;
  std::array<rlimit, RLIM_NLIMITS> limits{};
};
World g_world;

void restore_limits() {
  for (int what = 0; what < static_cast<int>(RLIM_NLIMITS); ++what) {
    const rlimit& was = g_world.limits[static_cast<std::size_t>(what)];
    rlimit now{};
    const auto resource = static_cast<__rlimit_resource>(what);
    if (::getrlimit(resource, &now) != 0) continue;
    if (now.rlim_cur != was.rlim_cur || now.rlim_max != was.rlim_max) {
      (void)::setrlimit(resource, &was);
    }
  }
}

// Some sandboxes know no close_range; they get the slow way, up to the limit a descriptor can have.
void close_from(int first) {
  if (::close_range(static_cast<unsigned>(first), ~0U, 0) == 0) return;
  constexpr rlim_t kMost = 1U << 20;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) limit.rlim_max = kMost;
  const int end = static_cast<int>(std::min(limit.rlim_max, kMost));
  for (int fd = first; fd < end; ++fd) ::close(fd);
}

}  // namespace

bool withheld(std::string_view name) {
  return std::find(kWithheldNames.begin(), kWithheldNames.end(), name) != kWithheldNames.end() ||
         std::any_of(kWithheldPrefixes.begin(), kWithheldPrefixes.end(),
                     [name](std::string_view prefix) { return name.starts_with(prefix); });
}

std::vector<std::string> clean_environment() {
  std::vector<std::string> kept;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view variable(*entry);
    if (!withheld(variable.substr(0, variable.find('=')))) kept.emplace_back(variable);
  }
  return kept;
}

void remember_world() {
  g_world.mask = ::umask(0);
  (void)::umask(g_world.mask);
  for (int what = 0; what < static_cast<int>(RLIM_NLIMITS); ++what) {
    (void)::getrlimit(static_cast<__rlimit_resource>(what),
                      &g_world.limits[static_cast<std::size_t>(what)]);
  }
  g_world.known = true;
}

// Descriptors go first: the limit tells how many there can be only until it is restored.
void restore_in_child(int keep_below) {
  close_from(keep_below);
  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) (void)::sigaction(signal, &standard, nullptr);
  if (g_world.known) {
    (void)::umask(g_world.mask);
    restore_limits();
  }
  sigset_t none;
  ::sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace charter::ipc
