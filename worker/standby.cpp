#include "worker/standby.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <utility>
#include <variant>

#include "ipc/clean_world.h"
#include "worker/integrations/bridge/program.h"
#include "worker/plan/paths.h"
#include "worker/spawn.h"

namespace charter::worker {
namespace {

constexpr std::string_view kPath = "PATH=";

union Ancillary {
  cmsghdr header;
  std::array<char, CMSG_SPACE(2 * sizeof(int))> bytes;
};

bool make_pipe(ipc::UniqueFd& reading, ipc::UniqueFd& writing) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
  reading.reset(ends[0]);
  writing.reset(ends[1]);
  return true;
}

std::vector<ipc::FileIdentity> identities_of(const PythonRuntime& runtime) {
  std::vector<ipc::FileIdentity> found{ipc::identify(runtime.interpreter)};
  for (const auto* directories : {&runtime.project, &runtime.toolchain}) {
    for (const std::string& directory : *directories) found.push_back(ipc::identify(directory));
  }
  return found;
}

}  // namespace

bool receive_run(int socket) {
  char byte = 0;
  iovec part{&byte, 1};
  Ancillary space{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space.bytes.data();
  message.msg_controllen = space.bytes.size();
  ssize_t got = -1;
  do {
    got = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  const cmsghdr* header = got == 1 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS ||
      header->cmsg_len != CMSG_LEN(2 * sizeof(int))) {
    return false;
  }
  std::array<int, 2> received{};
  std::memcpy(received.data(), CMSG_DATA(header), sizeof received);
  const ipc::UniqueFd journal(received[0]);
  const ipc::UniqueFd job(received[1]);
  return ::dup2(journal.get(), ipc::kJournalFd) >= 0 && ::dup2(job.get(), ipc::kJobFd) >= 0;
}

bool pass_run(int socket) {
  char byte = 0;
  iovec part{&byte, 1};
  Ancillary space{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = space.bytes.data();
  message.msg_controllen = space.bytes.size();
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(2 * sizeof(int));
  const std::array<int, 2> sent{ipc::kJournalFd, ipc::kJobFd};
  std::memcpy(CMSG_DATA(header), sent.data(), sizeof sent);
  return ::sendmsg(socket, &message, MSG_NOSIGNAL) == 1;
}

// The project's programs first, as in a run.
std::vector<std::string> bare_environment(const std::string& interpreter) {
  std::vector<std::string> environment = ipc::clean_environment();
  const std::string first = std::string(kPath) + parent(interpreter);
  for (std::string& entry : environment) {
    if (!entry.starts_with(kPath)) continue;
    if (!entry.starts_with(first)) entry = first + ":" + entry.substr(kPath.size());
    return environment;
  }
  environment.push_back(first);
  return environment;
}

std::unique_ptr<WarmPython> WarmPython::start() {
  std::array<char, PATH_MAX> here{};
  if (::getcwd(here.data(), here.size()) == nullptr) return nullptr;
  Files files;
  auto runtime = find_python_runtime(files, here.data());
  if (!runtime) return nullptr;
  auto warm = std::make_unique<WarmPython>();
  warm->runtime = std::move(*runtime);
  warm->packages = identities_of(warm->runtime);
  ipc::UniqueFd input;
  ipc::UniqueFd output;
  if (!make_pipe(input, warm->requests) || !make_pipe(warm->answers, output)) return nullptr;
  SpawnRequest request;
  request.candidates = {warm->runtime.interpreter};
  request.arguments = bridge_command(warm->runtime.interpreter);
  request.arguments.insert(request.arguments.end(), warm->runtime.toolchain.begin(),
                           warm->runtime.toolchain.end());
  request.environment = bare_environment(warm->runtime.interpreter);
  request.input = input.get();
  request.output = output.get();
  request.errors = STDERR_FILENO;
  const auto spawned = spawn(request);
  if (!std::holds_alternative<pid_t>(spawned)) return nullptr;
  warm->pid = std::get<pid_t>(spawned);
  warm->process.reset(static_cast<int>(::syscall(SYS_pidfd_open, warm->pid, 0)));
  // The pipe takes all of it at once.
  const ssize_t put = ::write(warm->requests.get(), kBridgeProgram.data(), kBridgeProgram.size());
  const bool written = put == static_cast<ssize_t>(kBridgeProgram.size());
  return warm->process && written ? std::move(warm) : nullptr;
}

bool WarmPython::fits(const PythonRuntime& wanted) const {
  return wanted.interpreter == runtime.interpreter && wanted.toolchain == runtime.toolchain &&
         wanted.project == runtime.project && identities_of(wanted) == packages;
}

}  // namespace charter::worker
