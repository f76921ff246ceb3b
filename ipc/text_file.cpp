#include "ipc/text_file.h"

#include <fcntl.h>

#include <utility>

#include "ipc/job.h"
#include "ipc/regular_file.h"

namespace charter::ipc {

std::string text_of_file(const std::string& path, std::size_t limit) {
  const auto file = open_regular(path, O_RDONLY);
  if (!file) return {};
  auto text = read_all(file->get(), limit);
  return text ? std::move(*text) : std::string();
}

}  // namespace charter::ipc
