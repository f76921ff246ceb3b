#include "supervisor/worker_program.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <initializer_list>

#include "ipc/clean_world.h"
#include "ipc/regular_file.h"

namespace charter::supervisor {
namespace {

constexpr off_t kLogKept = 1 << 20;  // a longer log of workers begins anew at start

std::string own_directory() {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  if (size <= 0) return ".";
  const std::string file(path.data(), static_cast<std::size_t>(size));
  return file.substr(0, file.rfind('/'));
}

ipc::Result<ipc::UniqueFd> open_program() {
  const std::string here = own_directory();
  const std::string beside = here + "/charter-worker";
  for (const std::string& path : {beside, here + "/../libexec/charter-daemon/charter-worker"}) {
    ipc::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file && ::faccessat(AT_FDCWD, path.c_str(), X_OK, AT_EACCESS) == 0) return file;
  }
  return ipc::plain_error("charter-worker is neither beside charter-daemon (" + beside +
                          ") nor in ../libexec/charter-daemon");
}

std::string log_of(const ipc::Layout& layout) { return layout.data_dir() + "/workers.log"; }

ipc::Result<ipc::UniqueFd> open_log(const std::string& path) {
  auto file = ipc::open_regular(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
  if (!file) return file;
  struct stat info = {};
  if (::fstat(file->get(), &info) == 0 && info.st_size > kLogKept) {
    [[maybe_unused]] const int cut = ::ftruncate(file->get(), 0);
  }
  return file;
}

}  // namespace

ipc::Result<WorkerProgram> WorkerProgram::open(const ipc::Layout& layout,
                                               const std::string& toolchain_python) {
  WorkerProgram worker;
  auto program = open_program();
  if (!program) return program.error();
  worker.program = std::move(*program);
  worker.null.reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!worker.null) return ipc::errno_error("open /dev/null");
  auto log = open_log(log_of(layout));
  if (!log) return log.error();
  worker.log = std::move(*log);
  worker.environment = ipc::clean_environment();
  // Workers keep it from what they start, as all that configures the daemon.
  if (!toolchain_python.empty()) {
    worker.environment.push_back("CHARTER_DAEMON_TOOLCHAIN_PYTHON=" + toolchain_python);
  }
  return worker;
}

ipc::Result<void> WorkerProgram::reopen_log(const ipc::Layout& layout) {
  auto fresh = open_log(log_of(layout));
  if (!fresh) return fresh.error();
  // In one step, under the same number.
  if (::dup3(fresh->get(), log.get(), O_CLOEXEC) < 0) return ipc::errno_error("reopen the log");
  return {};
}

}  // namespace charter::supervisor
