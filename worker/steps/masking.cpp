#include "worker/steps/masking.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "worker/steps/audit.h"
#include "worker/steps/inputs.h"
#include "worker/steps/outputs.h"

namespace charter::worker {
namespace {

void collect_text(const std::string& text, std::vector<std::string>& secrets) {
  const std::string trimmed = trim_lines(text);
  if (trimmed.size() >= kLeastSecret) secrets.push_back(trimmed);
  // As it looks inside JSON, without the quotes.
  std::string escaped = dump(Value(trimmed));
  escaped = escaped.substr(1, escaped.size() - 2);
  if (escaped != trimmed && escaped.size() >= kLeastSecret) secrets.push_back(std::move(escaped));
}

// The value as a step's environment has it, and every text inside it.
void collect(const Value& value, std::vector<std::string>& secrets) {
  if (value.is_string()) {
    collect_text(value.as_string(), secrets);
    return;
  }
  if (value.is_bool() || value.is_null()) return;
  collect_text(dump(value), secrets);
  if (value.is_array()) {
    for (const Value& item : value.as_array()) collect(item, secrets);
  } else if (value.is_object()) {
    for (const auto& [name, member] : value.as_object()) collect(member, secrets);
  }
}

}  // namespace

// Longest first, so that one value inside another does not spoil it.
std::vector<std::string> sensitive_texts(const Workflow& workflow, const RunState& state,
                                         const std::vector<std::string>& others) {
  std::vector<std::string> secrets;
  for (const std::string& other : others) collect_text(other, secrets);
  for (const Step& step : workflow.steps) {
    for (const StepInput& input : step.inputs) {
      if (!input.sensitive) continue;
      if (const auto value = resolve_input(input, state)) collect(**value, secrets);
    }
    const Object* outputs = state.outputs_of(step.id_key());
    for (const StepOutput& output : step.outputs) {
      const Value* value =
          output.sensitive && outputs != nullptr ? outputs->find(output.name) : nullptr;
      if (value != nullptr) collect(*value, secrets);
    }
  }
  std::sort(secrets.begin(), secrets.end(), [](const std::string& left, const std::string& right) {
    return left.size() > right.size();
  });
  return secrets;
}

MaskedText mask(const std::string& text, const Workflow& workflow, const RunState& state,
                const std::vector<std::string>& others) {
  MaskedText masked{text, false};
  for (const std::string& secret : sensitive_texts(workflow, state, others)) {
    for (std::size_t at = masked.text.find(secret); at != std::string::npos;
         at = masked.text.find(secret, at + kRedacted.size())) {
      masked.text.replace(at, secret.size(), kRedacted);
      masked.redacted = true;
    }
  }
  return masked;
}

}  // namespace charter::worker
