#include "supervisor/hand_off.h"

#include <optional>
#include <utility>

namespace charter::supervisor {
namespace {

using ipc::JsonKind;
using ipc::JsonMember;

std::string_view name_of(JsonKind kind) {
  switch (kind) {
    case JsonKind::object:
      return "an object";
    case JsonKind::array:
      return "an array";
    case JsonKind::string:
      return "a string";
    case JsonKind::number:
      return "a number";
    case JsonKind::boolean:
      return "a boolean";
    case JsonKind::null:
      break;
  }
  return "null";
}

class Problems {
 public:
  void add(std::string_view field, std::string reason) {
    if (!text_.empty()) text_ += '\n';
    text_ += std::string(field) + ": " + std::move(reason);
  }
  void wrong_kind(std::string_view field, std::string_view wanted, JsonKind got) {
    add(field, "must be " + std::string(wanted) + ", not " + std::string(name_of(got)));
  }
  [[nodiscard]] bool none() const { return text_.empty(); }
  [[nodiscard]] std::string text() const { return "Invalid start_run request\n" + text_; }

 private:
  std::string text_;
};

class Fields {
 public:
  Fields(const std::vector<JsonMember>& members, Problems& problems)
      : members_(members), problems_(problems) {}

  std::string text(std::string_view field) {
    const JsonMember* member = ipc::find(members_, field);
    if (member == nullptr) {
      problems_.add(field, "is required");
      return {};
    }
    if (member->kind != JsonKind::string) {
      problems_.wrong_kind(field, "a string", member->kind);
      return {};
    }
    return ipc::json_string(member->raw).value_or("");
  }

  // Empty when the member is missing.
  std::string_view object(std::string_view field) {
    const JsonMember* member = ipc::find(members_, field);
    if (member == nullptr) return {};
    if (member->kind == JsonKind::object) return member->raw;
    problems_.wrong_kind(field, "an object", member->kind);
    return {};
  }

  std::string_view object_or_null(std::string_view field) {
    const JsonMember* member = ipc::find(members_, field);
    if (member == nullptr || member->kind == JsonKind::null) return {};
    return object(field);
  }

 private:
  const std::vector<JsonMember>& members_;
  Problems& problems_;
};

void check_type(const std::vector<JsonMember>& members, Problems& problems) {
  const JsonMember* type = ipc::find(members, "type");
  if (type == nullptr) {
    problems.add("type", "is required");
  } else if (ipc::json_string(type->raw) != "start_run") {
    problems.add("type", "must be 'start_run'");
  }
}

// Each capability is an object; what it must hold is for whoever uses it.
void check_capabilities(std::string_view capabilities, Problems& problems) {
  if (capabilities.empty()) return;
  ipc::JsonLimits limits;
  limits.python_extras = true;
  const auto members = ipc::scan_object(capabilities, limits);
  if (!members) return problems.add("capabilities", members.error().what);
  for (const JsonMember& member : *members) {
    if (member.kind != JsonKind::object) {
      problems.wrong_kind("capabilities." + member.key, "an object", member.kind);
    }
  }
}

}  // namespace

std::variant<HandOffRequest, std::string> read_hand_off(const std::vector<JsonMember>& members) {
  Problems problems;
  check_type(members, problems);
  Fields fields(members, problems);
  HandOffRequest request;
  ipc::PrepareRequest& question = request.question;
  question.kind = ipc::PrepareRequest::Kind::handoff;
  request.run_id = fields.text("run_id");
  question.workflow_id = fields.text("workflow_id");
  question.workflow_path = fields.text("workflow_path");
  if (const auto variables = fields.object("variables"); !variables.empty()) {
    question.variables = variables;
  }
  const auto capabilities = fields.object("capabilities");
  check_capabilities(capabilities, problems);
  if (!capabilities.empty()) question.capabilities = capabilities;
  if (const auto snapshot = fields.object_or_null("workflow_snapshot"); !snapshot.empty()) {
    question.snapshot = snapshot;
    question.has_snapshot = true;
  }
  if (!problems.none()) return problems.text();
  return request;
}

}  // namespace charter::supervisor
