#include "worker/sandbox/confinement.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "worker/sandbox/landlock.h"
#include "worker/sandbox/private_view.h"
#include "worker/sandbox/syscall_filter.h"

namespace charter::worker {
namespace {

constexpr std::string_view kTmpVariable = "TMPDIR=";
constexpr int kLeastForCaller = 2;  // Landlock's version

// What root keeps of its privileges: those over files and users, which Landlock and the mounts
// bound, and ports. Not those over the machine, its devices, its network and other processes.
constexpr std::array<int, 9> kKept = {
    CAP_CHOWN,  CAP_DAC_OVERRIDE, CAP_FOWNER,           CAP_FSETID, CAP_KILL,
    CAP_SETGID, CAP_SETUID,       CAP_NET_BIND_SERVICE, CAP_NET_RAW};

std::optional<Confinement>& confinement_of_children() {
  static std::optional<Confinement> confinement;
  return confinement;
}

// Only root gets back at an exec what it has given up here, so it is taken from what can be got.
int drop_privileges() {
  std::array<std::uint32_t, 2> kept{};
  for (const int capability : kKept) {
    kept[static_cast<std::size_t>(capability) / 32] |= 1U
                                                       << (static_cast<unsigned>(capability) % 32);
  }
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability) {
    if (std::find(kKept.begin(), kKept.end(), capability) != kKept.end()) continue;
    // Who may not drop it has none to drop: the exec below takes away the rest.
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EPERM) return errno;
  }
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) return errno;
  for (std::size_t half = 0; half < sets.size(); ++half) {
    sets[half].effective &= kept[half];
    sets[half].permitted &= kept[half];
    sets[half].inheritable = 0;
  }
  return ::syscall(SYS_capset, &header, sets.data()) == 0 ? 0 : errno;
}

// A child is under them, too: they allow all that its own do.
ipc::Result<ipc::UniqueFd> callers_rules(int version, const Confinement::Order& order) {
  LandlockScope scope;
  scope.writable = order.caller_also;
  scope.writable.push_back(order.root);
  scope.writable.push_back(order.tmp);
  scope.all_devices = true;
  scope.apart = false;
  return landlock_rules(version, scope);
}

}  // namespace

ipc::Result<Confinement> Confinement::make(const Order& order) {
  if (order.root == "/")
    return ipc::plain_error("the whole file system is no project to be kept in");
  const auto version = landlock_version();
  if (!version) return version.error();
  Confinement made;
  made.root_ = order.root;
  made.filter_ = syscall_filter();
  made.hidden_ = order.sandbox.hidden;
  if (*version >= kLeastForCaller) {
    auto rules = callers_rules(*version, order);
    if (!rules) return rules.error();
    made.callers_rules_ = std::move(*rules);
  }
  if (order.sandbox.level >= ipc::kSandboxView) {
    auto view = make_private_view(
        {order.root, order.tmp, order.sandbox.hidden, made.callers_rules_.get()}, *version);
    if (!view) return view.error();
    made.users_ = std::move(view->users);
    made.mounts_ = std::move(view->mounts);
    made.rules_ = std::move(view->rules);
    made.tmp_ = "/tmp";
    return made;
  }
  LandlockScope scope;
  scope.writable = {order.root, order.tmp};
  auto rules = landlock_rules(*version, scope);
  if (!rules) return rules.error();
  made.rules_ = std::move(*rules);
  made.tmp_ = order.tmp;
  return made;
}

bool Confinement::hides(std::string_view path) const {
  return std::any_of(hidden_.begin(), hidden_.end(), [path](std::string_view hidden) {
    return path.starts_with(hidden) && (path.size() == hidden.size() || path[hidden.size()] == '/');
  });
}

ipc::Result<void> Confinement::bind_caller() const {
  if (!callers_rules_) return {};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ipc::errno_error("no new privileges");
  errno = landlock_restrict(callers_rules_.get());
  return errno == 0 ? ipc::Result<void>() : ipc::errno_error("Landlock: landlock_restrict_self");
}

int Confinement::enter() const {
  if (mounts_) {
    if (const int code = enter_view(users_.get(), mounts_.get(), root_.c_str()); code != 0) {
      return code;
    }
  }
  if (const int code = drop_privileges(); code != 0) return code;
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return errno;
  return landlock_restrict(rules_.get());
}

int Confinement::finish() const { return filter_syscalls(filter_); }

void confine_children(Confinement confinement) {
  confinement_of_children().emplace(std::move(confinement));
}

const Confinement* children_confinement() {
  const auto& confinement = confinement_of_children();
  return confinement ? &*confinement : nullptr;
}

void set_private_tmp(std::vector<std::string>& environment) {
  const Confinement* confinement = children_confinement();
  if (confinement == nullptr) return;
  std::erase_if(environment,
                [](const std::string& entry) { return entry.starts_with(kTmpVariable); });
  environment.push_back(std::string(kTmpVariable) + confinement->tmp());
}

}  // namespace charter::worker
