#include "worker/stores/directories.h"

#include <sys/stat.h>

#include <cerrno>
#include <set>

#include "ipc/layout.h"

namespace charter::worker {

ipc::Result<void> make_named_directory(const std::string& path, mode_t mode) {
  static std::set<std::string> named;
  const bool made = ::mkdir(path.c_str(), mode) == 0;
  if (!made && errno != EEXIST) return ipc::errno_error("create " + path);
  if (!made && named.contains(path)) return {};
  named.erase(path);
  if (auto synced = ipc::sync_directory(path.substr(0, path.rfind('/'))); !synced) return synced;
  named.insert(path);
  return {};
}

}  // namespace charter::worker
