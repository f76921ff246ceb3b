#include "worker/sandbox/probe.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <string>

#include "worker/endings.h"
#include "worker/sandbox/confinement.h"
#include "worker/sandbox/landlock.h"
#include "worker/sandbox/scratch.h"

namespace charter::worker {
namespace {

std::string here() {
  std::array<char, PATH_MAX> path{};
  return ::getcwd(path.data(), path.size()) == nullptr ? std::string() : path.data();
}

// A child enters and leaves again; it says by its exit code what failed.
ipc::Result<void> enter(const Confinement& confinement) {
  const pid_t child = ::fork();
  if (child < 0) return ipc::errno_error("fork");
  if (child == 0) {
    int code = confinement.enter();
    if (code == 0) code = confinement.finish();
    ::_exit(code);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status)) return ipc::plain_error("entering it ended unexpectedly");
  errno = WEXITSTATUS(status);
  return errno == 0 ? ipc::Result<void>() : ipc::errno_error("enter it");
}

ipc::Result<void> attempt(unsigned level, const std::string& tmp) {
  Confinement::Order order;
  order.sandbox.level = level;
  order.root = here();
  order.tmp = tmp;
  const auto confinement = Confinement::make(order);
  return confinement ? enter(*confinement) : ipc::Result<void>(confinement.error());
}

}  // namespace

ipc::SandboxAbility probe_sandbox() {
  ipc::SandboxAbility ability;
  const auto lacks = [&ability](unsigned level, std::string what) {
    ability.missing.push_back({level, std::move(what)});
  };
  const auto version = landlock_version();
  if (!version) {
    lacks(ipc::kSandboxFiles, version.error().message());
    return ability;
  }
  ability.landlock = *version;
  std::string tmp = "/tmp/charter-probe-XXXXXX";
  if (::mkdtemp(tmp.data()) == nullptr) {
    lacks(ipc::kSandboxFiles, ipc::errno_error("make a directory in /tmp").message());
    return ability;
  }
  if (const auto files = attempt(ipc::kSandboxFiles, tmp); !files) {
    lacks(ipc::kSandboxFiles, files.error().message());
  } else {
    ability.level = ipc::kSandboxFiles;
    for (std::string& gap : landlock_gaps(*version)) lacks(ipc::kSandboxFiles, std::move(gap));
    if (const auto view = attempt(ipc::kSandboxView, tmp); !view) {
      lacks(ipc::kSandboxView, "no mount namespace: " + view.error().message());
    } else {
      ability.level = ipc::kSandboxView;
    }
  }
  (void)remove_tree(tmp);  // a project in /tmp was given its way there
  return ability;
}

int probe_main() {
  const std::string text = ipc::to_text(probe_sandbox());
  const ssize_t put = ::write(STDOUT_FILENO, text.data(), text.size());
  return put == static_cast<ssize_t>(text.size()) ? kExitDone : kExitUsage;
}

}  // namespace charter::worker
