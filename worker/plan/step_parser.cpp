#include "worker/plan/step_parser.h"

#include "worker/json/python.h"
#include "worker/json/unicode.h"
#include "worker/plan/attempts.h"
#include "worker/plan/fields.h"
#include "worker/plan/questions.h"

namespace charter::worker {
namespace {

bool is_reference(std::string_view uses) {
  for (const std::string_view prefix : {kBindingPrefix, kCapabilityPrefix}) {
    if (uses.starts_with(prefix)) return uses != prefix;
  }
  return false;
}

class StepParser {
 public:
  StepParser(const Object& raw, Problems& problems, SeenOutputs& seen)
      : raw_(raw), problems_(problems), seen_(seen) {
    step_.id = get(raw, "id");
    id_ = step_.id_text();
  }

  std::optional<Step> parse(StepType type) {
    step_.type = type;
    switch (type) {
      case StepType::gate:
        parse_gate();
        break;
      case StepType::input:
        parse_input();
        break;
      case StepType::shell:
        parse_shell();
        break;
      case StepType::integration:
        parse_integration();
        break;
      case StepType::state:
        return parse_state() ? std::optional(std::move(step_)) : std::nullopt;
      case StepType::exporting:
        return parse_export() ? std::optional(std::move(step_)) : std::nullopt;
    }
    return std::move(step_);
  }

 private:
  // `kind` is "Gate step", `steps` "gate steps".
  void check_fields(std::string_view kind, std::string_view steps, FieldNames allowed,
                    FieldNames forbidden) {
    context_ = std::string(kind) + " '" + id_ + "'";
    check_unknown(raw_, allowed, context_, problems_);
    check_forbidden(raw_, forbidden, context_, steps, problems_);
  }

  void problem(std::string_view text) { problems_.add(context_ + ": " + std::string(text)); }

  void require(std::string_view field) {
    if (raw_.find(field) == nullptr)
      problem(std::string("'").append(field).append("' is required"));
  }

  void read_attempts() {
    step_.retry = parse_retry(get(raw_, "retry"), id_, problems_);
    step_.timeout = parse_timeout(get(raw_, "timeout"), "Step '" + id_ + "': timeout", problems_);
  }

  void read_inputs() { step_.inputs = parse_inputs(get(raw_, "inputs"), id_, problems_); }
  void read_outputs() {
    step_.outputs = parse_outputs(get(raw_, "outputs"), id_, problems_, seen_);
  }

  void parse_gate() {
    // `timeout` is known here, so that it is named once, as not allowed.
    check_fields("Gate step", "gate steps", {"id", "type", "show", "message", "timeout"},
                 {"uses", "with", "outputs", "inputs", "run", "shell", "retry", "timeout"});
    require("show");
    require("message");
    step_.show = get(raw_, "show");
    step_.message = get(raw_, "message");
  }

  void parse_input() {
    check_fields("Input step", "input steps",
                 {"id", "type", "show", "message", "questions", "outputs"},
                 {"uses", "with", "inputs", "run", "shell", "retry", "timeout"});
    require("message");
    step_.show = get(raw_, "show");
    step_.message = get(raw_, "message");
    step_.questions = parse_questions(get(raw_, "questions"), id_, problems_);
    step_.question_outputs =
        parse_question_outputs(get(raw_, "outputs"), id_, step_.questions, problems_, seen_);
  }

  void parse_shell() {
    check_fields("Shell step", "shell steps",
                 {"id", "type", "run", "shell", "inputs", "outputs", "retry", "timeout"},
                 {"uses", "with", "show", "message"});
    require("run");
    step_.run = get(raw_, "run");
    step_.shell = get(raw_, "shell");
    read_attempts();
    read_inputs();
    read_outputs();
  }

  void parse_integration() {
    check_fields("Step", "regular steps",
                 {"id", "type", "uses", "with", "inputs", "outputs", "retry", "timeout"},
                 {"show", "message", "run", "shell"});
    read_uses(get(raw_, "uses"));
    const Value& with = get(raw_, "with");
    if (with.is_object()) {
      step_.with = with.as_object();
    } else if (truthy(with)) {
      problem("'with' must be a mapping");
    }
    read_attempts();
    read_inputs();
    read_outputs();
  }

  void read_uses(const Value& uses) {
    if (uses.is_null()) {
      problem("'uses' is required for regular steps");
    } else if (uses.is_array()) {
      problem("'uses' must be a string. Multiple integrations per step are not supported.");
    } else if (!uses.is_string()) {
      problem("'uses' must be a string");
    } else if (!is_visible_text(uses)) {
      problem("'uses' must not be empty");
    } else if (!is_reference(strip(uses.as_string()))) {
      problem("'uses' must be an explicit reference: 'binding/<id>' or 'capability/<id>'");
    } else {
      step_.uses = std::string(strip(uses.as_string()));
    }
  }

  bool parse_state() {
    check_fields("State step", "state steps",
                 {"id", "type", "action", "key", "default", "inputs", "outputs"},
                 {"do", "capability", "uses", "with", "run", "shell", "show", "message", "retry",
                  "timeout", "path", "input"});
    const Value& action = get(raw_, "action");
    const Value& key = get(raw_, "key");
    if (!is_filled_text(action)) problem("'action' is required");
    if (!is_filled_text(key)) problem("'key' is required");
    const bool known = action == Value("get") || action == Value("set");
    if (is_filled_text(action) && !known) {
      problem("'action' must be one of ['get', 'set'], got '" + action.as_string() + "'");
    }
    read_inputs();
    read_outputs();
    if (action == Value("get")) check_get();
    if (action == Value("set")) check_set();
    if (!known || !is_filled_text(key)) return false;
    step_.action = action.as_string();
    step_.key = key.as_string();
    step_.fallback = get(raw_, "default");
    // The format forgets what an artifact output would be called here.
    for (StepOutput& output : step_.outputs) output.artifact.reset();
    return true;
  }

  void check_get() {
    if (!step_.inputs.empty()) problem("action 'get' must not declare inputs");
    if (step_.outputs.size() != 1) {
      problem("action 'get' requires exactly one output");
    } else if (step_.outputs[0].type == "artifact") {
      problem("action 'get' output must not be type 'artifact'");
    }
  }

  void check_set() {
    bool has_value = false;
    for (const StepInput& input : step_.inputs) has_value = has_value || input.name == "value";
    if (!has_value) problem("action 'set' requires inputs.value");
    if (step_.outputs.size() > 1) {
      problem("action 'set' may declare at most one output");
    } else if (step_.outputs.size() == 1 && step_.outputs[0].type != "string") {
      problem("action 'set' output must be type 'string'");
    }
  }

  bool parse_export() {
    check_fields("Export step", "export steps",
                 {"id", "type", "input", "path", "content_type", "outputs"},
                 {"do", "capability", "uses", "with", "run", "shell", "show", "message", "retry",
                  "timeout", "action", "key", "default", "inputs"});
    const Value& input = get(raw_, "input");
    const Value& path = get(raw_, "path");
    const Value& content_type = get(raw_, "content_type");
    if (!is_filled_text(input)) problem("'input' must be a non-empty string");
    if (!is_filled_text(path)) {
      problem("'path' must be a non-empty string");
    } else if (!is_inner_path(path.as_string())) {
      problem("'path' must be a relative path inside export_dir");
    }
    if (!content_type.is_null() && !is_visible_text(content_type)) {
      problem("'content_type' must be a non-empty string");
    }
    read_outputs();
    if (step_.outputs.size() > 1) {
      problem("may declare at most one output (the resolved path)");
    } else if (step_.outputs.size() == 1 && step_.outputs[0].type != "string") {
      problem("output must be type 'string'");
    }
    if (!is_filled_text(input) || !is_filled_text(path)) return false;
    step_.export_input = input.as_string();
    step_.export_path = path.as_string();
    if (content_type.is_string()) {
      step_.export_content_type = std::string(strip(content_type.as_string()));
    }
    return true;
  }

  const Object& raw_;
  Problems& problems_;
  SeenOutputs& seen_;
  Step step_;
  std::string id_;
  std::string context_;
};

}  // namespace

bool is_inner_path(std::string_view path) {
  if (path.starts_with('/')) return false;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    if (path.substr(begin, end - begin) == "..") return false;
    begin = end + 1;
  }
  return true;
}

std::optional<Step> parse_step(const Object& raw, StepType type, Problems& problems,
                               SeenOutputs& seen) {
  return StepParser(raw, problems, seen).parse(type);
}

}  // namespace charter::worker
