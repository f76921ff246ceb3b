#include "supervisor/link/messages.h"

#include <charconv>
#include <utility>

#include "ipc/json_scan.h"
#include "ipc/optional_text.h"

namespace charter::supervisor {
namespace {

using ipc::JsonKind;
using ipc::JsonMember;
using Members = std::vector<JsonMember>;

// ---- out ----

void append_text(std::string& out, std::string_view key, std::string_view text) {
  out.append(",\"").append(key).append("\":").append(ipc::quoted(text));
}

void append_text_or_null(std::string& out, std::string_view key,
                         std::optional<std::string_view> text) {
  if (text) {
    append_text(out, key, *text);
  } else {
    out.append(",\"").append(key).append("\":null");
  }
}

void append_number(std::string& out, std::string_view key, std::string_view number) {
  out.append(",\"").append(key).append("\":").append(number);
}

// ---- in ----

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kNotAString = "Input should be a valid string";
constexpr std::size_t kLoggedTypeBytes = 64;

bool is_text(const JsonMember* member) {
  return member != nullptr && member->kind == JsonKind::string;
}
bool is_text_or_null(const JsonMember* member) {
  return member == nullptr || member->kind == JsonKind::null || member->kind == JsonKind::string;
}

std::string text_of(const JsonMember* member) {
  return is_text(member) ? ipc::json_string(member->raw).value_or(std::string()) : std::string();
}
std::optional<std::string> optional_text_of(const JsonMember* member) {
  if (!is_text(member)) return std::nullopt;
  return text_of(member);
}

// A type the protocol does not know is the sender's own word: shown short and printable.
std::string shown_type(const std::string& type) {
  std::string shown;
  for (const char c : type.substr(0, kLoggedTypeBytes)) {
    shown += c > ' ' && c < 0x7F ? c : '?';
  }
  return type.size() > kLoggedTypeBytes ? shown + "..." : shown;
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != lower[i]) return false;
  }
  return true;
}

std::optional<bool> bool_of_text(std::string_view text) {
  for (const std::string_view word : {"1", "t", "true", "y", "yes", "on"}) {
    if (equals_ignoring_case(text, word)) return true;
  }
  for (const std::string_view word : {"0", "f", "false", "n", "no", "off"}) {
    if (equals_ignoring_case(text, word)) return false;
  }
  return std::nullopt;
}

// Numbers are compared as doubles, as Python's own parser makes them: 1e-400 is zero.
std::optional<bool> bool_of_number(std::string_view text) {
  double value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size()) return std::nullopt;
  if (code == std::errc::result_out_of_range) {
    // Only an underflow is zero, and it is the one with a negative exponent.
    if (text.find("e-") == text.npos && text.find("E-") == text.npos) return std::nullopt;
    return false;
  }
  if (code != std::errc{}) return std::nullopt;
  if (value == 0.0) return false;
  if (value == 1.0) return true;
  return std::nullopt;
}

std::optional<bool> lenient_bool(const JsonMember* member) {
  if (member == nullptr) return std::nullopt;
  if (member->kind == JsonKind::boolean) return member->raw == "true";
  if (member->kind == JsonKind::number) return bool_of_number(member->raw);
  if (member->kind == JsonKind::string) return bool_of_text(text_of(member));
  return std::nullopt;
}

// Absent, null or a text that can be kept.
bool is_command_id(const JsonMember* member) {
  return is_text_or_null(member) && text_of(member).size() <= kMaxCommandId;
}

bool is_declared_in_start(std::string_view key) {
  for (const std::string_view name : {"type", "command_id", "workflow_id", "run_id", "variables"}) {
    if (key == name) return true;
  }
  return false;
}

// The first problem of a run.start: declared fields in their order, then undeclared ones as sent.
std::optional<std::string> problem_of_start(const Members& members) {
  if (!is_command_id(ipc::find(members, "command_id"))) return kCommandIdTooLong;
  const JsonMember* workflow_id = ipc::find(members, "workflow_id");
  if (workflow_id == nullptr) return "workflow_id: Field required";
  if (!is_text(workflow_id)) return "workflow_id: " + std::string(kNotAString);
  if (!is_text_or_null(ipc::find(members, "run_id"))) {
    return "run_id: " + std::string(kNotAString);
  }
  const JsonMember* variables = ipc::find(members, "variables");
  if (variables != nullptr && variables->kind != JsonKind::object) {
    return "variables: Input should be a valid dictionary";
  }
  for (const JsonMember& member : members) {
    if (!is_declared_in_start(member.key)) {
      return member.key + ": Extra inputs are not permitted";
    }
  }
  return std::nullopt;
}

Inbound read_start(const Members& members) {
  const JsonMember* command_id = ipc::find(members, "command_id");
  if (!is_text(command_id)) return Ignored{"run.start: command_id"};
  if (auto problem = problem_of_start(members)) {
    return Malformed{text_of(command_id), std::move(*problem)};
  }
  RunStart start;
  start.command_id = text_of(command_id);
  start.workflow_id = text_of(ipc::find(members, "workflow_id"));
  start.run_id = optional_text_of(ipc::find(members, "run_id"));
  if (start.run_id && start.run_id->empty()) start.run_id.reset();
  if (const JsonMember* variables = ipc::find(members, "variables")) {
    start.variables = variables->raw;
  }
  return start;
}

Inbound read_resume(const Members& members) {
  const JsonMember* run_id = ipc::find(members, "run_id");
  if (!is_text(run_id)) return Ignored{"run.resume: run_id"};
  const std::optional<bool> approved = lenient_bool(ipc::find(members, "approved"));
  if (!approved) return Ignored{"run.resume: approved"};
  const JsonMember* note = ipc::find(members, "note");
  if (!is_text_or_null(note)) return Ignored{"run.resume: note"};
  const JsonMember* command_id = ipc::find(members, "command_id");
  if (!is_command_id(command_id)) return Ignored{"run.resume: command_id"};
  return RunResume{
      text_of(run_id), *approved, optional_text_of(note), optional_text_of(command_id), {}, false};
}

Inbound read_cancel(const Members& members) {
  const JsonMember* run_id = ipc::find(members, "run_id");
  if (!is_text(run_id)) return Ignored{"run.cancel: run_id"};
  const JsonMember* note = ipc::find(members, "note");
  if (!is_text_or_null(note)) return Ignored{"run.cancel: note"};
  const JsonMember* command_id = ipc::find(members, "command_id");
  if (!is_command_id(command_id)) return Ignored{"run.cancel: command_id"};
  return RunCancel{text_of(run_id), optional_text_of(note), optional_text_of(command_id), false};
}

Inbound read_input(const Members& members) {
  const JsonMember* run_id = ipc::find(members, "run_id");
  if (!is_text(run_id)) return Ignored{"run.input: run_id"};
  const JsonMember* command_id = ipc::find(members, "command_id");
  if (!is_text(command_id) || !is_command_id(command_id)) {
    return Ignored{"run.input: command_id"};
  }
  const JsonMember* input = ipc::find(members, "input");
  if (input == nullptr || input->kind != JsonKind::object) return Ignored{"run.input: input"};
  const auto fields = ipc::scan_object(input->raw, inbound_limits());
  if (!fields) return Ignored{"run.input: input"};
  const JsonMember* kind = ipc::find(*fields, "kind");
  if (!is_text(kind)) return Ignored{"run.input: input.kind"};
  return RunInput{text_of(run_id), text_of(command_id), text_of(kind), std::string(input->raw), {}};
}

}  // namespace

std::string register_message(std::string_view worker_id, std::int64_t max_runs,
                             const std::vector<std::string>& active_runs) {
  std::string out = R"({"type":"worker.register")";
  append_text(out, "worker_id", worker_id);
  out.append(R"(,"capabilities":{"max_runs":)").append(std::to_string(max_runs));
  out.append(R"(},"active_runs":[)");
  for (const std::string& run_id : active_runs) {
    if (out.back() != '[') out += ',';
    out += ipc::quoted(run_id);
  }
  return out.append("]}");
}

std::string announced_message(std::string_view worker_id, const Announcement& run) {
  std::string out = R"({"type":"run.announced")";
  append_text(out, "run_id", run.run_id);
  append_text(out, "worker_id", worker_id);
  append_text(out, "status", run.status);
  append_text_or_null(out, "workflow_path", run.workflow_path);
  append_text_or_null(out, "started_at", run.started_at);
  return out.append("}");
}

std::string event_message(std::string_view worker_id, std::string_view run_id, std::uint64_t seq,
                          std::string_view occurred_at, std::string_view event,
                          std::optional<std::int64_t> stream_seq) {
  std::string out;
  out.reserve(event.size() + worker_id.size() + run_id.size() + 160);
  out = R"({"type":"run.event")";
  append_text(out, "run_id", run_id);
  append_text(out, "worker_id", worker_id);
  append_number(out, "seq", std::to_string(seq));
  append_number(out, "stream_seq", stream_seq ? std::to_string(*stream_seq) : "null");
  append_text(out, "occurred_at", occurred_at);
  out.append(",\"event\":").append(event);
  return out.append("}");
}

std::string heartbeat_message(std::string_view worker_id, std::uint64_t running,
                              std::uint64_t paused) {
  std::string out = R"({"type":"worker.heartbeat")";
  append_text(out, "worker_id", worker_id);
  out.append(R"(,"load":{"running":)").append(std::to_string(running));
  out.append(R"(,"paused":)").append(std::to_string(paused));
  return out.append("}}");
}

std::string command_result_message(std::string_view worker_id,
                                   std::optional<std::string_view> run_id,
                                   std::string_view command_id, const CommandOutcome& outcome) {
  std::string out = R"({"type":"command.result")";
  append_text(out, "worker_id", worker_id);
  append_text_or_null(out, "run_id", run_id);
  append_text(out, "command_id", command_id);
  out.append(outcome.ok ? R"(,"ok":true)" : R"(,"ok":false)");
  append_text_or_null(out, "code", ipc::unless_empty(outcome.code));
  append_text_or_null(out, "message", ipc::unless_empty(outcome.message));
  return out.append("}");
}

CommandAnswer malformed_command(std::string command_id, std::string message) {
  return {
      std::move(command_id), std::nullopt, {false, "invalid_command", std::move(message)}, true};
}

std::string command_error_message(std::string_view command_id, std::string_view message) {
  std::string out = R"({"type":"command.error")";
  append_text(out, "command_id", command_id);
  append_text(out, "code", "invalid_command");
  append_text(out, "message", message);
  return out.append("}");
}

// Python's json is given no BOM and knows NaN and Infinity; the nesting limit is this project's.
ipc::JsonLimits inbound_limits() {
  ipc::JsonLimits limits;
  limits.python_extras = true;
  limits.max_members = ipc::kMostMembers;  // one takes many times the bytes of a short one's text
  return limits;
}

Inbound parse_inbound(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) return Ignored{"not JSON"};
  const auto kind = ipc::check_json(text, inbound_limits());
  if (!kind) return Ignored{"not JSON"};
  if (*kind != JsonKind::object) return Ignored{"not an object"};
  const auto members = ipc::scan_object(text, inbound_limits());
  if (!members) return Ignored{members.error().what};
  const JsonMember* type = ipc::find(*members, "type");
  if (!is_text(type)) return Ignored{"type"};
  const std::string name = text_of(type);
  if (name == "run.start") return read_start(*members);
  if (name == "run.resume") return read_resume(*members);
  if (name == "run.cancel") return read_cancel(*members);
  if (name == "run.input") return read_input(*members);
  return Ignored{"unknown type " + shown_type(name)};
}

}  // namespace charter::supervisor
