#include "worker/plan/questions.h"

#include <map>
#include <set>

#include "worker/json/keys.h"
#include "worker/json/python.h"
#include "worker/plan/fields.h"

namespace charter::worker {
namespace {

// A flag that is off when absent and a problem when it is no boolean.
bool parse_flag(const Object& raw, std::string_view field, const std::string& context,
                Problems& problems) {
  const Value* flag = raw.find(field);
  if (flag == nullptr) return false;
  if (flag->is_bool()) return flag->as_bool();
  problems.add(context + " field '" + std::string(field) + "' must be a boolean");
  return false;
}

// A text that must be there and not be empty, or null and a problem.
const std::string* parse_text(const Object& raw, std::string_view field, const std::string& context,
                              Problems& problems) {
  const Value& text = get(raw, field);
  if (is_filled_text(text)) return &text.as_string();
  problems.add(context + " field '" + std::string(field) + "' must be a non-empty string");
  return nullptr;
}

// `question` is "Input step 'a' question 'b'".
class OptionParser {
 public:
  OptionParser(std::string question, Problems& problems)
      : question_(std::move(question)), problems_(problems) {}

  std::vector<Option> parse(const Value& raw, const std::string& kind) {
    if (kind == "text") {
      const bool none = raw.is_null() || (raw.is_array() && raw.as_array().empty());
      if (!none) problems_.add(question_ + ": text questions do not support options");
      return {};
    }
    if (raw.is_null()) {
      problems_.add(question_ + ": 'options' is required");
      return {};
    }
    if (!raw.is_array() || raw.as_array().empty()) {
      problems_.add(question_ + ": 'options' must be a non-empty list");
      return {};
    }
    std::size_t number = 0;
    for (const Value& item : raw.as_array()) {
      parse_one(item, "option " + std::to_string(++number));
    }
    return std::move(options_);
  }

 private:
  void parse_one(const Value& item, const std::string& place) {
    const std::string context = question_ + ": " + place;
    if (!item.is_object()) {
      problems_.add(context + " must be a mapping");
      return;
    }
    const Object& raw = item.as_object();
    check_unknown(raw, {"value", "label", "recommended"}, question_ + " " + place, problems_);
    const std::string* value = parse_text(raw, "value", context, problems_);
    if (value == nullptr) return;
    if (!values_.insert(*value).second) {
      problems_.add(question_ + ": duplicate option value '" + *value + "'");
      return;
    }
    const std::string* label = parse_text(raw, "label", context, problems_);
    if (label == nullptr) return;
    options_.push_back({*value, *label, parse_flag(raw, "recommended", context, problems_)});
  }

  std::string question_;
  Problems& problems_;
  std::vector<Option> options_;
  std::set<std::string> values_;
};

class QuestionParser {
 public:
  QuestionParser(const std::string& step, Problems& problems)
      : step_("Input step '" + step + "'"), problems_(problems) {}

  void parse(const Value& item, std::size_t number) {
    const std::string place = "question " + std::to_string(number);
    if (!item.is_object()) {
      problems_.add(step_ + ": " + place + " must be a mapping");
      return;
    }
    const Object& raw = item.as_object();
    check_unknown(raw, {"id", "kind", "prompt", "optional", "options", "allow_other"},
                  step_ + " " + place, problems_);
    const std::string* id = parse_text(raw, "id", step_ + ": " + place, problems_);
    if (id == nullptr) return;
    if (!ids_.insert(*id).second) {
      problems_.add(step_ + ": duplicate question id '" + *id + "'");
      return;
    }
    parse_known(raw, *id);
  }

  std::vector<Question> take() { return std::move(questions_); }

 private:
  void parse_known(const Object& raw, const std::string& id) {
    const std::string question = step_ + " question '" + id + "'";
    const Value& kind = get(raw, "kind");
    const bool known =
        kind.is_string() && (kind.as_string() == "text" || kind.as_string() == "select" ||
                             kind.as_string() == "multi_select");
    if (!known) {
      problems_.add(question + ": invalid kind '" + str(kind) +
                    "'. Expected one of: text, select, multi_select");
      return;
    }
    const std::string* prompt = parse_text(raw, "prompt", question + ":", problems_);
    if (prompt == nullptr) return;
    Question parsed{id, kind.as_string(), *prompt, false, {}, false};
    parsed.optional = parse_flag(raw, "optional", question + ":", problems_);
    parsed.allow_other = parse_flag(raw, "allow_other", question + ":", problems_);
    if (parsed.kind != "multi_select" && parsed.allow_other) {
      problems_.add(question + ": allow_other is only valid for multi_select questions");
    }
    parsed.options = OptionParser(question, problems_).parse(get(raw, "options"), parsed.kind);
    questions_.push_back(std::move(parsed));
  }

  std::string step_;
  Problems& problems_;
  std::vector<Question> questions_;
  std::set<std::string> ids_;
};

// Answers taken by two outputs, and questions whose answer none takes; both sorted.
void check_coverage(const std::string& step, const std::set<std::string>& ids,
                    const std::map<std::string, int>& uses, Problems& problems) {
  for (const auto& [id, count] : uses) {
    if (count > 1) problems.add(step + ": question '" + id + "' is mapped more than once");
  }
  std::vector<std::string> missing;
  for (const std::string& id : ids) {
    if (uses.find(id) == uses.end()) missing.push_back(id);
  }
  if (!missing.empty()) {
    problems.add(step + ": outputs missing mappings for question(s): " + repr(missing));
  }
}

}  // namespace

std::vector<Question> parse_questions(const Value& raw, const std::string& step,
                                      Problems& problems) {
  const std::string context = "Input step '" + step + "': 'questions' ";
  if (raw.is_null()) {
    problems.add(context + "is required");
  } else if (!raw.is_array()) {
    problems.add(context + "must be a list");
  } else if (raw.as_array().empty()) {
    problems.add(context + "must not be empty");
  } else {
    QuestionParser parser(step, problems);
    std::size_t number = 0;
    for (const Value& item : raw.as_array()) parser.parse(item, ++number);
    return parser.take();
  }
  return {};
}

std::vector<std::pair<std::string, std::string>> parse_question_outputs(
    const Value& raw, const std::string& step, const std::vector<Question>& questions,
    Problems& problems, SeenOutputs& seen) {
  const std::string context = "Input step '" + step + "'";
  if (raw.is_null()) {
    problems.add(context + ": 'outputs' is required");
    return {};
  }
  if (!raw.is_object()) {
    problems.add(context + ": 'outputs' must be a mapping of output_name: question_id");
    return {};
  }
  std::set<std::string> ids;
  for (const Question& question : questions) ids.insert(question.id);
  std::map<std::string, int> uses;
  std::vector<std::pair<std::string, std::string>> outputs;
  for (const auto& [name, id] : raw.as_object()) {
    if (!is_text_key(name) || name.empty()) {
      problems.add(context + ": output names must be non-empty strings");
    } else if (!is_filled_text(id)) {
      problems.add(context + ": output '" + name + "' must map to a question id string");
    } else if (ids.find(id.as_string()) == ids.end()) {
      problems.add(context + ": output '" + name + "' references unknown question '" +
                   id.as_string() + "'");
    } else if (seen.add(name, step, problems)) {
      outputs.emplace_back(name, id.as_string());
      ++uses[id.as_string()];
    }
  }
  check_coverage(context, ids, uses, problems);
  return outputs;
}

}  // namespace charter::worker
