#include "worker/integrations/inquiry.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <utility>
#include <variant>

#include "ipc/layout.h"
#include "ipc/peer.h"
#include "worker/integrations/bridge/program.h"
#include "worker/integrations/message.h"
#include "worker/json/python.h"
#include "worker/kill.h"
#include "worker/nursery.h"
#include "worker/reaper.h"
#include "worker/sandbox/confinement.h"
#include "worker/sandbox/scratch.h"
#include "worker/spawn.h"
#include "worker/stores/state_file.h"

namespace charter::worker {
namespace {

constexpr std::int64_t kPatienceMs = 15'000;
// A state's text in an answer: its quotes, backslashes and line ends are escaped once more.
constexpr std::size_t kMostAnswer = 2 * kMostStateBytes + 4096;

// Nothing of a question can be secret.
Value keep_text(const Value& text) { return text; }

}  // namespace

// It has nothing to lose, nor has what it may have started.
Inquiry::~Inquiry() {
  if (pid_ <= 0) return;
  sigset_t children;
  ::sigemptyset(&children);
  ::sigaddset(&children, SIGCHLD);
  (void)::sigprocmask(SIG_BLOCK, &children, nullptr);
  Reaper reaper;
  (void)kill_tree(reaper);
  if (!scratch_.empty()) (void)remove_tree(scratch_);
}

// Its temporary directory is removed at the end, or by the daemon's next start.
ipc::Result<void> Inquiry::confine() {
  if (place_.sandbox.level == 0) return {};
  const ipc::Layout layout(place_.root, place_.data_dir);
  if (auto made = layout.create_scratch_base(); !made) return made;
  std::string scratch = layout.scratch_base() + "/XXXXXX";
  if (::mkdtemp(scratch.data()) == nullptr) return ipc::errno_error("create " + scratch);
  scratch_ = scratch;
  auto confinement = Confinement::make({place_.sandbox, place_.root, scratch_, {}});
  if (!confinement) return confinement.error();
  confine_children(std::move(*confinement));
  return {};
}

ipc::Result<void> Inquiry::start() {
  if (auto confined = confine(); !confined) {
    return ipc::plain_error("the sandbox cannot be made: " + confined.error().message());
  }
  (void)::signal(SIGPIPE, SIG_IGN);
  (void)::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  deadline_ms_ = ipc::boot_ms() + kPatienceMs;
  ipc::UniqueFd input;
  ipc::UniqueFd output;
  if (!make_pipe(input, requests_) || !make_pipe(answers_, output)) return ipc::errno_error("pipe");
  (void)::fcntl(requests_.get(), F_SETFL, O_NONBLOCK);
  SpawnRequest request;
  request.candidates = {runtime_.interpreter};
  request.arguments = bridge_command(runtime_.interpreter);
  request.environment = bare_environment(runtime_.interpreter);
  request.input = input.get();
  request.output = output.get();
  request.errors = STDERR_FILENO;
  const auto spawned = spawn(request);
  if (const auto* failure = std::get_if<SpawnFailure>(&spawned)) {
    return ipc::plain_error(describe(*failure, runtime_.interpreter));
  }
  pid_ = std::get<pid_t>(spawned);
  // What the project's packages take is not for mode `prepare` to bound.
  rlimit memory{};
  if (::getrlimit(RLIMIT_AS, &memory) == 0) {
    memory.rlim_cur = memory.rlim_max;
    (void)::prlimit(pid_, RLIMIT_AS, &memory, nullptr);
  }
  unsent_ = kBridgeProgram;
  Array packages;
  for (const std::string& directory : runtime_.toolchain) packages.emplace_back(directory);
  Object params;
  params.set("search", Value(Array()));
  params.set("toolchain", Value(std::move(packages)));
  params.set("run_id", Value());
  params.set("environment", Value());
  const auto opened = call("open", dump(Value(std::move(params))));
  return opened ? ipc::Result<void>() : opened.error();
}

ipc::Result<Object> Inquiry::call(std::string_view method, const std::string& params) {
  if (pid_ == 0) {
    if (auto started = start(); !started) return started.error();
  }
  const std::string line =
      std::exchange(unsent_, {}) + request_line(std::to_string(++asked_), method, params);
  if (auto sent = send(line); !sent) return sent.error();
  const auto answer = read_line();
  if (!answer) return answer.error();
  auto response = read_response(*answer, keep_text);
  if (!response) return response.error();
  if (!response->error.empty()) return ipc::plain_error(str(get(response->error, "message")));
  return std::move(response->result);
}

// Whether the pipe takes or has something before all questions have had their time.
bool Inquiry::ready(const ipc::UniqueFd& pipe, short event) const {
  pollfd entry{pipe.get(), event, 0};
  for (;;) {
    const std::int64_t left = deadline_ms_ - ipc::boot_ms();
    if (left <= 0) return false;
    const int found = ::poll(&entry, 1, static_cast<int>(left));
    if (found > 0) return true;
    if (found < 0 && errno != EINTR) return false;
  }
}

ipc::Error Inquiry::silence() const {
  return ipc::plain_error(what_ + " did not answer within " + std::to_string(kPatienceMs / 1000) +
                          " s");
}

// An interpreter that is gone shows that by its answer, and one that does not read is late.
ipc::Result<void> Inquiry::send(std::string_view line) {
  while (!line.empty()) {
    if (!ready(requests_, POLLOUT)) return silence();
    const ssize_t put = ::write(requests_.get(), line.data(), line.size());
    if (put < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (put <= 0) break;
    line.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

ipc::Result<std::string> Inquiry::read_line() {
  std::size_t searched = 0;
  for (;;) {
    if (const std::size_t end = received_.find('\n', searched); end != std::string::npos) {
      std::string line = received_.substr(0, end);
      received_.erase(0, end + 1);
      return line;
    }
    searched = received_.size();
    if (!ready(answers_, POLLIN)) return silence();
    std::array<char, 65536> buffer;
    const ssize_t got = ::read(answers_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || received_.size() > kMostAnswer) {
      return ipc::plain_error("The interpreter of " + what_ + " died");
    }
    received_.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace charter::worker
