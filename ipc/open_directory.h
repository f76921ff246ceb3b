// A directory's stream that closes itself, and what it holds as a whole.
#pragma once

#include <dirent.h>

#include <memory>
#include <string>
#include <vector>

#include "ipc/error.h"

namespace charter::ipc {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using DirectoryStream = std::unique_ptr<DIR, CloseDirectory>;

// Empty when it cannot be opened, with errno as opendir left it.
[[nodiscard]] inline DirectoryStream open_directory(const std::string& path) {
  return DirectoryStream(::opendir(path.c_str()));
}

// Every name in the directory but "." and "..", in no order. An error unless it could be read to
// its end: some of the names must not be taken for all.
[[nodiscard]] Result<std::vector<std::string>> names_in(const std::string& path);

}  // namespace charter::ipc
