// Control requests to the daemon of a project, and its answers.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "client/connection.h"
#include "client/fields.h"
#include "client/outcome.h"
#include "ipc/json_object.h"
#include "ipc/option_table.h"

namespace charter::client {

// Where a project and its daemon are.
struct Target {
  std::string root;    // absolute
  std::string socket;  // absolute
};

// From --project-path or upward from the working directory, and --socket-path or the default.
[[nodiscard]] Expected<Target> find_target(const ipc::OptionValues& values);

// One request line, member by member.
class Request {
 public:
  explicit Request(std::string_view op);
  Request& text(std::string_view key, std::string_view value);
  Request& number(std::string_view key, std::int64_t value);
  Request& truth(std::string_view key, bool value);
  Request& raw(std::string_view key, std::string_view json);
  [[nodiscard]] std::string line() const { return object_.str() + "\n"; }

 private:
  ipc::JsonObject object_;
};

// How long a daemon may take for an answer that needs no waiting.
inline constexpr std::int64_t kAnswerMs = 60'000;
// The same for those who have a deadline. A second is always left, so that who does not want to
// wait at all gets an answer.
[[nodiscard]] Deadline answer_until(Deadline deadline);

// Sends one request and waits for its only line. Nobody listening is kExitNoDaemon, a refusal
// kExitUnknownRun or kExitRefused with the daemon's own words.
[[nodiscard]] Expected<Fields> ask(const Target& target, const Request& request, Deadline deadline);

// The parts of `ask`, for those who hold a connection longer.
[[nodiscard]] Expected<Fields> read_answer(std::string_view line);
[[nodiscard]] Failure failure_of(const ipc::Error& error, const Target& target);
[[nodiscard]] bool nobody_listens(const ipc::Error& error);
[[nodiscard]] Failure no_daemon(const Target& target);

}  // namespace charter::client
