// A definition from its stored form. What the format's reader trips over is reported in the words
// of the exception it would be there; what it would take and only the run would trip over (a step
// of an unknown type, a key that is no text) is refused here.
#include <algorithm>

#include "worker/json/python.h"
#include "worker/plan/attempts.h"
#include "worker/plan/questions.h"
#include "worker/plan/step_io.h"
#include "worker/plan/workflow.h"

namespace charter::worker {
namespace {

using Text = std::optional<std::string>;  // an error

// What `value["name"]` says when `value` is no dict.
std::string subscript_fault(const Value& value) {
  if (value.is_string()) return "string indices must be integers, not 'str'";
  if (value.is_array()) return "list indices must be integers or slices, not str";
  return type_fault(value, "is not subscriptable");
}

class StepReader {
 public:
  explicit StepReader(const Value& raw) : value_(raw) {}

  // The first thing wrong, or nothing.
  Text read() {
    if (!value_.is_object()) return subscript_fault(value_);
    raw_ = &value_.as_object();
    if (Text fault = read_identity()) return fault;
    if (Text fault = read_declarations()) return fault;
    if (Text fault = read_attempts()) return fault;
    if (Text fault = check_identity()) return fault;
    if (Text fault = read_configuration()) return fault;
    if (step.type == StepType::state) return read_state();
    if (step.type == StepType::exporting) return read_export();
    return std::nullopt;
  }

  Step step;

 private:
  [[nodiscard]] const Value& field(std::string_view name) const { return get(*raw_, name); }

  // The text of a required field, or why there is none.
  Text take_text(std::string_view name, std::string_view kind, std::string& into) {
    const Value* value = raw_->find(name);
    if (value == nullptr) return repr(name);
    if (!value->is_string()) {
      return std::string(kind) + " '" + id_ + "': '" + std::string(name) + "' must be a string";
    }
    into = value->as_string();
    return std::nullopt;
  }

  Text read_identity() {
    for (const std::string_view name : {"id", "type"}) {
      if (raw_->find(name) == nullptr) return repr(name);
    }
    step.id = field("id");
    id_ = step.id_text();
    const Value& type = field("type");
    known_ = type.is_string() ? step_type(type.as_string()) : std::nullopt;
    step.type = known_.value_or(StepType::shell);
    return std::nullopt;
  }

  // What the format's reader takes and no run can have.
  Text check_identity() {
    if (!is_hashable(step.id)) {
      return "unhashable type: '" + std::string(type_name(step.id)) + "'";
    }
    if (known_) return std::nullopt;
    return "Step '" + id_ + "': unknown type '" + str(field("type")) +
           "', must be 'step', 'shell', 'gate', 'input', 'state', or 'export'";
  }

  Text read_declarations() {
    Problems problems;
    SeenOutputs seen;
    step.inputs = parse_inputs(field("inputs"), id_, problems);
    if (step.type != StepType::input) {
      step.outputs = parse_outputs(field("outputs"), id_, problems, seen);
    }
    if (!problems.empty()) return problems.text();
    step.run = field("run");
    step.shell = field("shell");
    step.show = field("show");
    step.message = field("message");
    return step.type == StepType::input ? read_form() : std::nullopt;
  }

  Text read_configuration() {
    const Value& uses = field("uses");
    const Value& with = field("with");
    if (uses.is_string()) step.uses = uses.as_string();
    if (!uses.is_string() && !uses.is_null()) return "Step '" + id_ + "': 'uses' must be a string";
    if (with.is_object()) step.with = with.as_object();
    if (!with.is_object() && truthy(with)) return "Step '" + id_ + "': 'with' must be a mapping";
    return std::nullopt;
  }

  Text read_form() {
    Problems problems;
    static const Value kNoQuestions{Array()};
    const Value* questions = raw_->find("questions");
    step.questions =
        parse_questions(questions == nullptr ? kNoQuestions : *questions, id_, problems);
    if (!problems.empty()) return problems.text();
    const Value& outputs = field("outputs");
    const std::string shape =
        "Input step '" + id_ + "': 'outputs' must be a mapping of output_name: question_id";
    if (outputs.is_null()) return std::nullopt;
    if (!outputs.is_object()) return shape;
    for (const auto& [name, question] : outputs.as_object()) {
      if (!question.is_string()) return shape;
      const std::string& id = question.as_string();
      const bool asked = std::any_of(step.questions.begin(), step.questions.end(),
                                     [&id](const Question& known) { return known.id == id; });
      if (!asked) {
        return "Input step '" + id_ + "': output '" + name + "' references unknown question '" +
               id + "'";
      }
      step.question_outputs.emplace_back(name, id);
    }
    return std::nullopt;
  }

  Text read_attempts() {
    Problems problems;
    const Value& retry = field("retry");
    if (!retry.is_null() && !retry.is_object()) return subscript_fault(retry);
    if (retry.is_object()) {
      if (retry.as_object().find("attempts") == nullptr) return repr(std::string_view("attempts"));
      // Fields the format's reader passes over are no problem here either.
      Object known;
      for (const auto& [name, value] : retry.as_object()) {
        if (name == "attempts" || name == "delay_seconds") known.set(name, value);
      }
      step.retry = parse_retry(Value(std::move(known)), id_, problems);
    }
    step.timeout = parse_timeout(field("timeout"), "Step timeout", problems);
    if (!problems.empty()) return problems.text();
    return std::nullopt;
  }

  Text read_state() {
    const Value* action = raw_->find("action");
    if (action == nullptr) return repr(std::string_view("action"));
    if (!(*action == Value("get")) && !(*action == Value("set"))) {
      return "State step '" + id_ + "': 'action' must be one of ['get', 'set'], got '" +
             str(*action) + "'";
    }
    step.action = action->as_string();
    step.fallback = field("default");
    return take_text("key", "State step", step.key);
  }

  Text read_export() {
    if (Text fault = take_text("input", "Export step", step.export_input)) return fault;
    if (Text fault = take_text("path", "Export step", step.export_path)) return fault;
    if (field("content_type").is_null()) return std::nullopt;
    return take_text("content_type", "Export step", step.export_content_type.emplace());
  }

  const Value& value_;
  const Object* raw_ = nullptr;
  std::string id_;
  std::optional<StepType> known_;
};

Text read_steps(const Object& snapshot, std::vector<Step>& steps) {
  const Value* raw = snapshot.find("steps");
  if (raw == nullptr) return std::nullopt;
  if (raw->is_string() || raw->is_object()) {
    // Its characters or keys would be taken for steps.
    return truthy(*raw) ? Text(subscript_fault(Value(""))) : std::nullopt;
  }
  if (!raw->is_array()) {
    return type_fault(*raw, "is not iterable");
  }
  for (const Value& item : raw->as_array()) {
    StepReader reader(item);
    if (Text fault = reader.read()) return fault;
    steps.push_back(std::move(reader.step));
  }
  return std::nullopt;
}

Text read_bindings(const Value& raw, std::vector<Binding>& bindings) {
  if (raw.is_null()) return std::nullopt;
  if (!raw.is_object()) return "'bindings' must be a mapping";
  for (const auto& [id, spec] : raw.as_object()) {
    if (!spec.is_object()) return "'bindings' must be a mapping of binding id to object";
    const Object& fields = spec.as_object();
    const Value* uses = fields.find("uses");
    const Value* description = fields.find("description");
    const Value& with = get(fields, "with");
    if (truthy(with) && !with.is_object()) return "binding '" + id + "': 'with' must be a mapping";
    bindings.push_back({id, uses == nullptr ? Value("") : *uses,
                        description == nullptr ? Value("") : *description,
                        truthy(with) ? with : Value(Object())});
  }
  return std::nullopt;
}

}  // namespace

ipc::Result<Workflow> workflow_from_snapshot(const Value& snapshot) {
  if (!snapshot.is_object()) {
    return ipc::plain_error(type_fault(snapshot, "has no attribute 'get'"));
  }
  Workflow workflow;
  const Object& raw = snapshot.as_object();
  Text fault = read_steps(raw, workflow.steps);
  if (!fault) fault = read_bindings(get(raw, "bindings"), workflow.bindings);
  if (fault) return ipc::plain_error(std::move(*fault));
  workflow.workflow = get(raw, "workflow");
  return workflow;
}

}  // namespace charter::worker
