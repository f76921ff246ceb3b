#include "worker/plan/answers.h"

#include <algorithm>
#include <set>
#include <vector>

#include "worker/json/python.h"

namespace charter::worker {
namespace {

Failure invalid_answer(std::string text) { return {code::kInvalidPayload, std::move(text)}; }

std::string all_questions(const Step& step) {
  std::string text;
  for (const Question& question : step.questions) {
    text += (text.empty() ? "" : ", ") + question.id + " (" + question.kind + ")";
  }
  return "Valid question ids: " + text;
}

std::string one_question(const Question& question) {
  return "Question '" + question.id + "' kind: " + question.kind;
}

// The names in `given` that are not in `known`, sorted.
std::vector<std::string> unknown_names(const Object& given, const std::set<std::string>& known) {
  std::vector<std::string> unknown;
  for (const auto& [name, value] : given) {
    if (!known.contains(name)) unknown.push_back(name);
  }
  std::sort(unknown.begin(), unknown.end());
  return unknown;
}

std::set<std::string> option_values(const Question& question) {
  std::set<std::string> values;
  for (const Option& option : question.options) values.insert(option.value);
  return values;
}

std::string valid_values(const Question& question) {
  const std::set<std::string> values = option_values(question);
  return "Valid values: " + repr(std::vector<std::string>(values.begin(), values.end()));
}

// One answer that was given. `where` is "Input step 's' answer 'q'".
class AnswerCheck {
 public:
  AnswerCheck(const Step& step, const Question& question)
      : question_(question),
        where_("Input step '" + step.id_text() + "' answer '" + question.id + "' ") {}

  Outcome<Value> check(const Value& answer) const {
    if (question_.kind == "multi_select") return check_many(answer);
    if (answer.is_null() && question_.optional) return Value();
    if (question_.kind == "text") {
      if (answer.is_string()) return answer;
      return invalid_answer(where_ + "must be a string. " + one_question(question_));
    }
    return check_one(answer);
  }

 private:
  Outcome<Value> check_one(const Value& answer) const {
    if (!answer.is_string()) {
      return invalid_answer(where_ + "must be one option value string. " + one_question(question_));
    }
    if (option_values(question_).contains(answer.as_string())) return answer;
    return invalid_answer(where_ + "has unknown option value '" + answer.as_string() + "'. " +
                          valid_values(question_));
  }

  Outcome<Value> check_many(const Value& answer) const {
    const bool list =
        answer.is_array() && std::all_of(answer.as_array().begin(), answer.as_array().end(),
                                         [](const Value& item) { return item.is_string(); });
    if (!list) {
      return invalid_answer(where_ + "must be a list of strings. " + one_question(question_));
    }
    const Array& items = answer.as_array();
    if (items.empty() && !question_.optional) {
      return invalid_answer(where_ + "must include at least one value. " + one_question(question_));
    }
    std::set<std::string> given;
    for (const Value& item : items) given.insert(item.as_string());
    if (given.size() != items.size()) return invalid_answer(where_ + "contains duplicate values");
    const std::set<std::string> known = option_values(question_);
    std::vector<std::string> unknown;
    std::copy_if(given.begin(), given.end(), std::back_inserter(unknown),
                 [&known](const std::string& value) { return !known.contains(value); });
    if (unknown.empty() || question_.allow_other) return answer;
    return invalid_answer(where_ + "has unknown option value(s): " + repr(unknown) + ". " +
                          valid_values(question_));
  }

  const Question& question_;
  std::string where_;
};

Outcome<Object> check_form(const Step& step, const Object& answers) {
  std::set<std::string> ids;
  for (const Question& question : step.questions) ids.insert(question.id);
  const std::string who = "Input step '" + step.id_text() + "' ";
  if (const auto unknown = unknown_names(answers, ids); !unknown.empty()) {
    return invalid_answer(who + "received unknown answer key(s): " + repr(unknown) + ". " +
                          all_questions(step));
  }
  Object checked;
  for (const Question& question : step.questions) {
    const Value* answer = answers.find(question.id);
    if (answer != nullptr) {
      auto value = AnswerCheck(step, question).check(*answer);
      if (!value) return value.error();
      checked.set(question.id, std::move(*value));
    } else if (question.optional) {
      checked.set(question.id, question.kind == "multi_select" ? Value(Array()) : Value());
    } else {
      return invalid_answer(who + "is missing required answer '" + question.id + "'. " +
                            all_questions(step));
    }
  }
  return checked;
}

Failure not_waiting(std::string text) { return {code::kNotWaiting, std::move(text)}; }

}  // namespace

Outcome<Object> check_answers(const Step& step, const Object& submission) {
  const std::string who = "Input step '" + step.id_text() + "' ";
  if (!(get(submission, "kind") == Value("form"))) {
    return Failure(code::kUnsupportedKind, who + "only accepts form input. " + all_questions(step));
  }
  if (const auto unknown = unknown_names(submission, {"kind", "answers"}); !unknown.empty()) {
    return invalid_answer(who + "received unknown input payload key(s): " + repr(unknown) +
                          ". Expected {'kind': 'form', 'answers': {...}}. " + all_questions(step));
  }
  const Value& answers = get(submission, "answers");
  if (!answers.is_object()) {
    return invalid_answer(who + "requires an object 'answers'. " + all_questions(step));
  }
  const auto checked = check_form(step, answers.as_object());
  if (!checked) return checked.error();
  Object outputs;
  for (const auto& [output, question] : step.question_outputs) {
    outputs.set(output, get(*checked, question));
  }
  return outputs;
}

Outcome<Object> check_submission(const std::string& state_file, const Object& submission) {
  const auto state = parse_json(state_file, kKeptNesting);
  if (!state || !state->is_object()) return internal("the state file is damaged");
  const Object& fields = state->as_object();
  const std::string run = "Run '" + str(get(fields, "run_id")) + "' ";
  const Value& status = get(fields, "status");
  if (!(status == Value("paused"))) {
    return not_waiting(run + "is not paused (status: '" + str(status) + "')");
  }
  const auto workflow = workflow_from_snapshot(get(fields, "workflow_snapshot"));
  if (!workflow) return internal(workflow.error().what);
  const Value& current = get(fields, "current_step_id");
  if (current.is_null()) return internal(run + "has no current_step_id");
  const auto step = std::find_if(workflow->steps.begin(), workflow->steps.end(),
                                 [&current](const Step& one) { return one.id == current; });
  if (step == workflow->steps.end()) {
    return internal("Current step '" + str(current) + "' not found in workflow snapshot");
  }
  if (step->type == StepType::gate) {
    return not_waiting(run + "is waiting at approval gate '" + step->id_text() +
                       "', not an input step");
  }
  if (step->type != StepType::input) return not_waiting(run + "is not waiting at an input step");
  return check_answers(*step, submission);
}

}  // namespace charter::worker
