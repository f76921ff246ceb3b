#include "supervisor/sandbox_policy.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "ipc/json_object.h"
#include "ipc/peer.h"
#include "supervisor/spawn.h"

namespace charter::supervisor {
namespace {

constexpr std::int64_t kPatienceMs = 5000;
constexpr std::size_t kMostAnswer = 64UL * 1024;

ipc::SandboxAbility none(std::string why) {
  ipc::SandboxAbility ability;
  ability.missing.push_back({ipc::kSandboxFiles, std::move(why)});
  return ability;
}

// To its end, or to the end of patience.
ipc::Result<std::string> read_answer(int pipe) {
  const std::int64_t deadline = ipc::boot_ms() + kPatienceMs;
  std::string text;
  for (;;) {
    pollfd entry{pipe, POLLIN, 0};
    const std::int64_t left = std::max<std::int64_t>(deadline - ipc::boot_ms(), 0);
    const int ready = ::poll(&entry, 1, static_cast<int>(left));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) return ipc::plain_error("the worker did not answer within 5 s");
    std::array<char, 4096> buffer;
    const ssize_t got = ::read(pipe, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return ipc::errno_error("read the worker's answer");
    if (got == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
    if (text.size() > kMostAnswer) return ipc::plain_error("the worker's answer is too long");
  }
}

}  // namespace

ipc::Sandbox SandboxPolicy::of(bool wanted, const ipc::Layout& project) const {
  ipc::Sandbox sandbox;
  if (!wanted && !every_run) return sandbox;
  sandbox.level = std::max(ability.level, ipc::kSandboxFiles);
  sandbox.hidden = hidden;
  const std::string runs = project.runs_dir();
  if (std::find(hidden.begin(), hidden.end(), runs) == hidden.end()) sandbox.hidden.push_back(runs);
  return sandbox;
}

void SandboxPolicy::put_into(ipc::PrepareRequest& question, bool wanted,
                             const ipc::Layout& project) const {
  question.sandbox = of(wanted, project);
  if (question.sandbox.level > 0) question.data_dir = project.data_dir();
}

std::optional<std::string> SandboxPolicy::refusal(bool wanted) const {
  if ((!wanted && !every_run) || ability.level > 0) return std::nullopt;
  return "No sandbox can be had on this host: " + ability.refusal();
}

std::string SandboxPolicy::view() const {
  ipc::JsonArray missing;
  for (const ipc::SandboxAbility::Missing& one : ability.missing) {
    missing.raw(ipc::JsonObject()
                    .number("level", static_cast<std::int64_t>(one.level))
                    .text("what", one.what)
                    .str());
  }
  return ipc::JsonObject()
      .text("mode", every_run ? "project" : "none")
      .number("level", static_cast<std::int64_t>(ability.level))
      .number("landlock", ability.landlock)
      .raw("missing", missing.str())
      .str();
}

ipc::SandboxAbility ask_for_ability(const WorkerProgram& worker, const ipc::Layout& layout) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return none(ipc::errno_error("pipe").message());
  const ipc::UniqueFd reading(ends[0]);
  ipc::UniqueFd writing(ends[1]);
  SpawnSpec spec;
  spec.program = worker.program.get();
  spec.arguments = {"charter-worker", "sandbox"};
  spec.environment = &worker.environment;
  spec.directory = layout.root().c_str();
  spec.descriptors = {worker.null.get(), writing.get(), worker.log.get()};
  const auto process = spawn(spec);
  if (!process) return none(process.error().message());
  writing.reset();
  const auto text = read_answer(reading.get());
  if (!text) (void)ipc::signal_process(process->pidfd.get(), SIGKILL);
  int status = 0;
  while (::waitpid(process->pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!text) return none(text.error().message());
  if (status != 0) return none("the worker that tries it died");
  auto ability = ipc::read_ability(*text);
  return ability ? std::move(*ability) : none(ability.error().message());
}

}  // namespace charter::supervisor
