#include "supervisor/hand_off.h"

#include <limits>
#include <string_view>

#include "ipc/validation_errors.h"

namespace charter::supervisor {
namespace {

using ipc::JsonKind;
using ipc::JsonMember;

constexpr std::string_view kModel = "StartRunRequest";

class Fields {
 public:
  explicit Fields(std::string_view line, const std::vector<JsonMember>& members)
      : line_(line), members_(members) {}

  void type() {
    const JsonMember* member = required("type");
    if (member == nullptr || ipc::json_string(member->raw) == "start_run") return;
    errors_.add("type", {"Input should be 'start_run'", "literal_error"},
                ipc::shown_json(member->raw));
  }

  std::string text(std::string_view field) {
    const JsonMember* member = required(field);
    if (member == nullptr) return {};
    if (member->kind == JsonKind::string) return ipc::json_string(member->raw).value_or("");
    errors_.add(field, ipc::kWantsString, ipc::shown_json(member->raw));
    return {};
  }

  // Empty when the member is missing.
  std::string_view object(std::string_view field) {
    const JsonMember* member = ipc::find(members_, field);
    if (member == nullptr) return {};
    if (member->kind == JsonKind::object) return member->raw;
    errors_.add(field, ipc::kWantsDictionary, ipc::shown_json(member->raw));
    return {};
  }

  std::string_view object_or_null(std::string_view field) {
    const JsonMember* member = ipc::find(members_, field);
    if (member == nullptr || member->kind == JsonKind::null) return {};
    return object(field);
  }

  // Each capability is an object; what else it must hold is for whoever uses it.
  std::string_view capabilities() {
    const auto text = object("capabilities");
    if (text.empty()) return {};
    ipc::JsonLimits limits;
    limits.max_bytes = std::numeric_limits<std::size_t>::max();  // it lies inside the request
    limits.python_extras = true;
    const auto members = ipc::scan_object(text, limits);
    if (!members) return {};
    for (const JsonMember& member : *members) {
      if (member.kind == JsonKind::object) {
        capability("capabilities." + member.key + ".", member.raw, limits);
      } else {
        errors_.add("capabilities." + member.key, ipc::kWantsDictionary,
                    ipc::shown_json(member.raw));
      }
    }
    return text;
  }

  // What the reference makes dictionaries of, which nothing comes of otherwise. It looks at
  // "secrets_registry" only for a reference into it; then the run fails with that.
  void capability(const std::string& path, std::string_view text, const ipc::JsonLimits& limits) {
    const auto members = ipc::scan_object(text, limits);
    if (!members) return;
    for (const std::string_view field :
         {"config", "env", "config_secret_refs", "env_secret_refs"}) {
      const JsonMember* member = ipc::find(*members, field);
      if (member == nullptr || member->kind == JsonKind::object || is_empty(*member)) continue;
      errors_.add(path + std::string(field), ipc::kWantsDictionary, ipc::shown_json(member->raw));
    }
  }

  // As Python has it, but for numbers.
  static bool is_empty(const JsonMember& member) {
    const auto blank = [](std::string_view inside) {
      return inside.find_first_not_of(" \t\r\n") == std::string_view::npos;
    };
    switch (member.kind) {
      case JsonKind::null:
        return true;
      case JsonKind::string:
        return member.raw.size() == 2;
      case JsonKind::array:
        return blank(member.raw.substr(1, member.raw.size() - 2));
      default:
        return member.raw == "false" && member.key == "config";
    }
  }

  [[nodiscard]] const ipc::ValidationErrors& errors() const { return errors_; }

 private:
  const JsonMember* required(std::string_view field) {
    const JsonMember* member = ipc::find(members_, field);
    if (member == nullptr) errors_.add(field, ipc::kFieldRequired, ipc::shown_json(line_));
    return member;
  }

  std::string_view line_;
  const std::vector<JsonMember>& members_;
  ipc::ValidationErrors errors_{std::string(kModel)};
};

}  // namespace

std::string not_a_request(std::string_view line) {
  ipc::ValidationErrors errors{std::string(kModel)};
  errors.add("",
             {"Input should be a valid dictionary or instance of StartRunRequest", "model_type"},
             ipc::shown_json(line));
  return errors.text();
}

std::variant<HandOffRequest, std::string> read_hand_off(std::string_view line,
                                                        const std::vector<JsonMember>& members) {
  Fields fields(line, members);
  fields.type();
  HandOffRequest request;
  ipc::PrepareRequest& question = request.question;
  question.kind = ipc::PrepareRequest::Kind::handoff;
  request.run_id = fields.text("run_id");
  question.workflow_id = fields.text("workflow_id");
  question.workflow_path = fields.text("workflow_path");
  if (const auto variables = fields.object("variables"); !variables.empty()) {
    question.variables = variables;
  }
  if (const auto capabilities = fields.capabilities(); !capabilities.empty()) {
    question.capabilities = capabilities;
  }
  if (const auto snapshot = fields.object_or_null("workflow_snapshot"); !snapshot.empty()) {
    question.snapshot = snapshot;
    question.has_snapshot = true;
  }
  if (!fields.errors().empty()) return fields.errors().text();
  return request;
}

}  // namespace charter::supervisor
