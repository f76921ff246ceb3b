#include "ipc/text_file.h"

#include <fcntl.h>

#include <utility>

#include "ipc/job.h"
#include "ipc/regular_file.h"

namespace charter::ipc {

std::string text_of_file(const std::string& path, std::size_t limit) {
  auto text = text_if_there(path, limit);
  return text ? std::move(*text) : std::string();
}

Result<std::string> text_if_there(const std::string& path, std::size_t limit) {
  const auto file = open_regular(path, O_RDONLY);
  if (!file && file.error().code == std::errc::no_such_file_or_directory) return std::string();
  if (!file) return file.error();
  auto text = read_all(file->get(), limit);
  if (!text) return Error{text.error().code, text.error().what + " of " + path};
  return text;
}

}  // namespace charter::ipc
