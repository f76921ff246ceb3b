#include "supervisor/limit_probe.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "ipc/job.h"
#include "ipc/text_file.h"
#include "ipc/unique_fd.h"

namespace charter::supervisor {
namespace {

constexpr const char* kLeaf = "charter-daemon";  // where the daemon itself goes, with its guardians
constexpr std::size_t kMostFileBytes = 16U << 20;

bool put(const std::string& path, const std::string& text) {
  const ipc::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  return file && ::write(file.get(), text.data(), text.size()) >= 0;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

bool lists(const std::string& path, std::string_view word) {
  std::string text = ipc::text_of_file(path, kMostFileBytes);
  std::replace(text.begin(), text.end(), '\n', ' ');
  const auto words = split(text, ' ');
  return std::find(words.begin(), words.end(), word) != words.end();
}

// \040 and its like, as the kernel writes blanks in paths.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      plain +=
          static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + text[i + 3] - '0');
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

struct Mount {
  std::string root;
  std::string point;
  std::string type;
  std::string options;  // of the file system: of version 1, its controllers
};

// "36 35 98:0 ROOT POINT rw shared:1 - TYPE SOURCE OPTIONS"
std::vector<Mount> group_mounts(std::string_view text) {
  std::vector<Mount> mounts;
  for (const std::string_view line : split(text, '\n')) {
    const auto fields = split(line, ' ');
    const auto dash = std::find(fields.begin(), fields.end(), "-");
    if (fields.size() < 7 || fields.end() - dash < 4) continue;
    const std::string type(dash[1]);
    if (type != "cgroup" && type != "cgroup2") continue;
    mounts.push_back({unescaped(fields[3]), unescaped(fields[4]), type, std::string(dash[3])});
  }
  return mounts;
}

// The directory of a group below a mount that shows the hierarchy from `root` on.
std::string directory_of(const Mount& mount, std::string_view group) {
  std::string_view below = group;
  if (mount.root != "/") {
    if (!below.starts_with(mount.root)) return {};
    below.remove_prefix(mount.root.size());
  }
  std::string path = mount.point + std::string(below);
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string parent_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

bool managed() { return ::access("/run/systemd/system", F_OK) == 0; }

// systemd marks what it leaves to others, and takes everything else for its own.
bool marked_delegated(const std::string& group) {
  for (const char* name : {"trusted.delegate", "user.delegate"}) {
    char value = 0;
    if (::getxattr(group.c_str(), name, &value, 1) == 1 && value == '1') return true;
  }
  return false;
}

std::string reason(const char* what, int code) {
  return std::string(what) + ": " + ::strerror(code);
}

}  // namespace

GroupTree read_group_tree(std::string_view mounts, std::string_view groups) {
  GroupTree tree;
  const std::vector<Mount> all = group_mounts(mounts);
  for (const std::string_view line : split(groups, '\n')) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const std::string_view controllers = line.substr(first + 1, second - first - 1);
    const std::string_view group = line.substr(second + 1);
    if (controllers.empty()) {
      for (const Mount& mount : all) {
        if (mount.type == "cgroup2" && tree.unified.empty())
          tree.unified = directory_of(mount, group);
      }
      continue;
    }
    for (const std::string_view controller : split(controllers, ',')) {
      for (const Mount& mount : all) {
        const auto options = split(mount.options, ',');
        if (mount.type != "cgroup" ||
            std::find(options.begin(), options.end(), controller) == options.end()) {
          continue;
        }
        const std::string path = directory_of(mount, group);
        if (!path.empty()) tree.first.emplace(controller, path);
      }
    }
  }
  return tree;
}

GroupTree own_group_tree() {
  return read_group_tree(ipc::text_of_file("/proc/self/mountinfo", kMostFileBytes),
                         ipc::text_of_file("/proc/self/cgroup", kMostFileBytes));
}

// The daemon's group, or the one above when the daemon is in a leaf already: its own of an earlier
// life, or the one that systemd began it in (DelegateSubgroup=).
std::string LimitProbe::unified_base() const {
  const std::string& own = tree_.unified;
  const std::string above = parent_of(own);
  if (own.ends_with(std::string("/") + kLeaf) || (managed() && marked_delegated(above)))
    return above;
  return own;
}

// Lets groups below `base` use the controller. No process may be left in `base` then, unless it is
// the root of all: this one moves into a leaf, others are not touched.
std::string LimitProbe::pass_on(const std::string& base, const std::string& controller) const {
  if (lists(base + "/cgroup.subtree_control", controller)) return {};
  const std::string leaf = base + "/" + kLeaf;
  const bool moves = base == tree_.unified && ::access((base + "/cgroup.type").c_str(), F_OK) == 0;
  if (moves) {
    if (::mkdir(leaf.c_str(), 0755) != 0 && errno != EEXIST)
      return reason("no group below the daemon's can be made", errno);
    if (!put(leaf + "/cgroup.procs", "0")) {
      const int code = errno;
      ::rmdir(leaf.c_str());
      return reason("the daemon cannot move into a group below its own", code);
    }
  }
  if (put(base + "/cgroup.subtree_control", "+" + controller)) return {};
  const int code = errno;
  if (moves && put(base + "/cgroup.procs", "0")) ::rmdir(leaf.c_str());
  if (code == EBUSY) return "other processes are in the daemon's own group";
  return reason("the controller cannot be passed on to groups below the daemon's", code);
}

std::string LimitProbe::unified(const std::string& controller, LimitState& limit) {
  if (tree_.unified.empty()) return "there is none";
  const std::string base = unified_base();
  if (!lists(base + "/cgroup.controllers", controller))
    return "it has no controller '" + controller + "' here";
  if (managed() && !marked_delegated(base)) return "the daemon's group is not delegated to it";
  if (std::string why = pass_on(base, controller); !why.empty()) return why;
  if (base == tree_.unified) tree_.unified = base + "/" + kLeaf;  // unless it is the root of all
  if (::access(tree_.unified.c_str(), F_OK) != 0) tree_.unified = base;
  if (auto made = attempt(controller, base, limit.value); !made) return made.error().message();
  limit.base = base;
  limit.means = "cgroup v2";
  return {};
}

void LimitProbe::find(const std::string& controller, LimitState& limit) {
  const std::string second = unified(controller, limit);
  if (!limit.means.empty()) return;
  std::string first = "it has no controller '" + controller + "' here";
  if (const auto own = tree_.first.find(controller); own != tree_.first.end()) {
    const auto made = attempt(controller, own->second, limit.value);
    if (made) {
      limit.base = own->second;
      limit.means = "cgroup v1";
      return;
    }
    first = made.error().message();
  }
  limit.note = "cgroup v2: " + second + "; cgroup v1: " + first;
}

ipc::Result<void> LimitProbe::attempt(const std::string& controller, const std::string& base,
                                      std::uint64_t value) const {
  ipc::RunLimits limits;
  const std::string group = base + "/" + name_;
  if (controller == "memory") {
    limits.memory = value;
    limits.memory_group = group;
  } else if (controller == "pids") {
    limits.pids = value;
    limits.pids_group = group;
  } else {
    limits.cpu = value;
    limits.cpu_group = group;
  }
  return attempt_(limits);
}

}  // namespace charter::supervisor
