#include "client/control.h"

#include <algorithm>
#include <filesystem>

#include "client/text.h"
#include "ipc/layout.h"
#include "ipc/versions.h"

namespace charter::client {
namespace {

namespace fs = std::filesystem;

// In the directory or the nearest above it that has one; empty where none has.
std::string nearest_project_file(fs::path directory) {
  std::error_code ec;
  for (;; directory = directory.parent_path()) {
    const fs::path file = directory / "charter.yml";
    if (fs::is_regular_file(file, ec)) return file.string();
    if (!directory.has_relative_path()) return {};
  }
}

Expected<std::string> find_root(const ipc::OptionValues& values) {
  std::error_code ec;
  if (!values.has("project-path")) {
    const fs::path here = fs::current_path(ec);
    std::string root = ec ? std::string() : ipc::find_project_root(here.string());
    if (!root.empty()) return root;
    const std::string unnamed = nearest_project_file(here);
    if (!unnamed.empty()) {
      return Failure{kExitUsage, unnamed +
                                     " makes no project: it has no name, and neither .charter "
                                     "nor workflows is beside it."};
    }
    return Failure{kExitUsage, "No charter.yml in " + here.string() +
                                   " or above it; name the project with --project-path."};
  }
  const fs::path root = fs::canonical(values.text("project-path"), ec);
  if (ec || !fs::is_directory(root, ec)) {
    return Failure{kExitUsage,
                   values
                       .invalid("project-path",
                                "Directory '" + values.text("project-path") + "' does not exist.")
                       .what};
  }
  if (!fs::is_regular_file(root / "charter.yml", ec)) {
    return Failure{kExitUsage, "Project path does not contain charter.yml: " + root.string()};
  }
  return root.string();
}

constexpr std::int64_t kLeastAnswerMs = 1'000;

int exit_code_of(std::string_view code) {
  if (code == "unknown_run") return kExitUnknownRun;
  return code.empty() ? kExitOther : kExitRefused;
}

}  // namespace

Expected<Target> find_target(const ipc::OptionValues& values) {
  auto root = find_root(values);
  if (!root) return root.error();
  Target target{std::move(*root), values.text("socket-path")};
  if (target.socket.empty()) {
    target.socket = ipc::Layout(target.root).default_socket();
  } else if (target.socket.front() != '/') {
    std::error_code ec;
    const fs::path joined = fs::path(target.root) / target.socket;
    const fs::path resolved = fs::weakly_canonical(joined, ec);
    target.socket = (ec ? joined.lexically_normal() : resolved).string();
  }
  return target;
}

Request::Request(std::string_view op) {
  object_.text("type", "control").number("version", ipc::kControlVersion).text("op", op);
}

Request& Request::text(std::string_view key, std::string_view value) {
  object_.text(key, value);
  return *this;
}

Request& Request::number(std::string_view key, std::int64_t value) {
  object_.number(key, value);
  return *this;
}

Request& Request::truth(std::string_view key, bool value) {
  object_.flag(key, value);
  return *this;
}

Request& Request::raw(std::string_view key, std::string_view json) {
  object_.raw(key, json);
  return *this;
}

Deadline answer_until(Deadline deadline) {
  return std::clamp(deadline, in_ms(kLeastAnswerMs), in_ms(kAnswerMs));
}

bool nobody_listens(const ipc::Error& error) {
  return error.code == std::errc::no_such_file_or_directory ||
         error.code == std::errc::connection_refused;
}

Failure no_daemon(const Target& target) {
  return {kExitNoDaemon, "No daemon serves " + target.root + " (socket " + target.socket +
                             "). Start one with: charter-daemon start --project-path " +
                             shell_word(target.root)};
}

Failure failure_of(const ipc::Error& error, const Target& target) {
  if (nobody_listens(error)) return no_daemon(target);
  if (error.code == std::errc::connection_reset) {
    return {kExitOther, "The daemon closed the connection without an answer."};
  }
  if (error.code == std::errc::timed_out) {
    return {kExitOther, "The daemon on " + target.socket + " does not answer."};
  }
  return {kExitOther, error.message()};
}

Expected<Fields> read_answer(std::string_view line) {
  auto answer = Fields::keep(std::string(line));
  if (!answer) return Failure{kExitOther, "The daemon's answer: " + answer.error().message()};
  if (answer->truth("ok")) return std::move(*answer);
  std::string text = answer->text("error");
  if (text.empty()) text = "The daemon refused the request and gave no reason.";
  Failure failure{exit_code_of(answer->text("code")), std::move(text)};
  failure.code = answer->text("code");
  return failure;
}

Expected<Fields> ask(const Target& target, const Request& request, Deadline deadline) {
  auto connection = Connection::open(target.socket, deadline);
  if (!connection) return failure_of(connection.error(), target);
  if (auto sent = connection->send(request.line(), deadline); !sent) {
    return failure_of(sent.error(), target);
  }
  const auto line = connection->line(deadline);
  if (!line) return failure_of(line.error(), target);
  return read_answer(*line);
}

}  // namespace charter::client
