#include "ipc/text_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "ipc/job.h"
#include "ipc/regular_file.h"
#include "ipc/unique_fd.h"

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

Result<void> replace_text_file(const std::string& path, std::string_view text, bool synced) {
  const std::string fresh = path + ".new";
  (void)::unlink(fresh.c_str());
  const UniqueFd file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return errno_error("create " + fresh);
  if (!write_all(file.get(), text)) return errno_error("write " + fresh);
  if (synced && ::fdatasync(file.get()) != 0) return errno_error("sync " + fresh);
  if (::rename(fresh.c_str(), path.c_str()) != 0) return errno_error("rename to " + path);
  return {};
}

}  // namespace charter::ipc
