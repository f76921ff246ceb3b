#include "ipc/text_file.h"

#include <fcntl.h>

#include <utility>

#include "ipc/job.h"
#include "ipc/unique_fd.h"

namespace charter::ipc {

std::string text_of_file(const std::string& path, std::size_t limit) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return {};
  auto text = read_all(file.get(), limit);
  return text ? std::move(*text) : std::string();
}

}  // namespace charter::ipc
