// A directory's stream that closes itself.
#pragma once

#include <dirent.h>

#include <memory>
#include <string>

namespace charter::ipc {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using DirectoryStream = std::unique_ptr<DIR, CloseDirectory>;

// Empty when it cannot be opened, with errno as opendir left it.
[[nodiscard]] inline DirectoryStream open_directory(const std::string& path) {
  return DirectoryStream(::opendir(path.c_str()));
}

}  // namespace charter::ipc
