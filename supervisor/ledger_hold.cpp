#include "supervisor/ledger_hold.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "ipc/job.h"
#include "ipc/layout.h"
#include "ipc/regular_file.h"
#include "ipc/unique_fd.h"

namespace charter::supervisor {
namespace {

constexpr std::size_t kLongestReason = 4096;

std::string mark_in(const std::string& directory) { return directory + "/holding"; }

}  // namespace

ipc::Result<std::string> read_hold(const std::string& directory) {
  auto file = ipc::open_regular(mark_in(directory), O_RDONLY);
  if (!file && file.error().code == std::errc::no_such_file_or_directory) return std::string();
  if (!file) return file.error();
  auto reason = ipc::read_all(file->get(), kLongestReason);
  if (!reason) return reason.error();
  while (!reason->empty() && reason->back() == '\n') reason->pop_back();
  if (reason->empty()) return std::string("it was set to hold");
  return reason;
}

ipc::Result<void> write_hold(const std::string& directory, const std::string& reason) {
  const std::string path = mark_in(directory);
  const ipc::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return ipc::errno_error("create " + path);
  const std::string line = reason + "\n";
  if (::write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    return ipc::errno_error("write " + path);
  }
  if (::fsync(file.get()) != 0) return ipc::errno_error("sync " + path);
  return ipc::sync_directory(directory);
}

ipc::Result<void> end_hold(const std::string& directory) {
  const std::string path = mark_in(directory);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return ipc::errno_error("remove " + path);
  return ipc::sync_directory(directory);
}

}  // namespace charter::supervisor
