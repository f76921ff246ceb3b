#include "supervisor/doctor/subject.h"

#include <vector>

namespace charter::supervisor {
namespace {

constexpr std::int64_t kDaemonMs = 2000;

// The values once more, with the project that was found.
ipc::OptionValues with_project(const ipc::OptionValues& values, std::span<char* const> arguments,
                               const std::string& root) {
  std::string name = "--project-path";
  std::string path = root;
  std::vector<char*> words{name.data(), path.data()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  auto read = ipc::read_options(values.command(), words);
  return read ? std::move(*read) : values;
}

std::optional<client::Fields> ask(const Subject& subject, const char* op, std::string& problem) {
  auto answer = client::ask(*subject.target, client::Request(op), client::in_ms(kDaemonMs));
  if (answer) return std::move(*answer);
  problem = answer.error().message;
  return std::nullopt;
}

}  // namespace

Subject look_around(ipc::OptionValues values, std::span<char* const> arguments) {
  Subject subject;
  subject.values = std::move(values);
  auto target = client::find_target(subject.values);
  if (target) {
    subject.target = std::move(*target);
    if (!subject.values.has("project-path")) {
      subject.values = with_project(subject.values, arguments, subject.target->root);
    }
  } else {
    subject.complaint = target.error().message;
  }
  auto options = check_start_options(subject.values);
  if (options) {
    subject.options = std::move(*options);
  } else if (subject.target) {
    const ipc::Error& error = options.error();
    subject.complaint = ipc::is_usage_error(error) ? error.what : error.message();
  }
  if (!subject.target) return subject;
  std::string data = subject.options ? subject.options->data_dir : std::string();
  subject.ping = ask(subject, "ping", subject.no_answer);
  if (subject.ping) subject.status = ask(subject, "status", subject.no_answer);
  if (data.empty() && subject.status) data = subject.status->object("daemon").text("data_dir");
  subject.layout.emplace(subject.target->root, data);
  return subject;
}

Report examine(const Subject& subject) {
  Report report;
  check_project(subject, report);
  check_daemon(subject, report);
  check_host(subject, report);
  check_gateway(subject, report);
  return report;
}

}  // namespace charter::supervisor
