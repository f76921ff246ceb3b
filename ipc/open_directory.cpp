#include "ipc/open_directory.h"

#include <cerrno>
#include <string_view>

namespace charter::ipc {

Result<std::vector<std::string>> names_in(const std::string& path) {
  const DirectoryStream open = open_directory(path);
  if (!open) return errno_error("open " + path);
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(open.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  if (errno != 0) return errno_error("read " + path);
  return names;
}

}  // namespace charter::ipc
