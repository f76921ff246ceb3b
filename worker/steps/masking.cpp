#include "worker/steps/masking.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "worker/json/spellings.h"
#include "worker/steps/audit.h"
#include "worker/steps/inputs.h"
#include "worker/steps/outputs.h"
#include "worker/steps/secret_index.h"

namespace charter::worker {
namespace {

void add(std::string text, std::vector<std::string>& secrets) {
  if (text.size() >= kLeastSecret) secrets.push_back(std::move(text));
}

void collect_text(const std::string& text, std::vector<std::string>& secrets) {
  const std::string trimmed = trim_lines(text);
  for (std::string& spelling : spellings(trimmed)) add(std::move(spelling), secrets);
  add(decode_lossy(trimmed), secrets);  // where what was printed is no UTF-8
}

// The value as a step's environment has it, and every text inside it.
void collect(const Value& value, std::vector<std::string>& secrets) {
  if (value.is_string()) {
    collect_text(value.as_string(), secrets);
    return;
  }
  if (value.is_bool() || value.is_null()) return;
  collect_text(dump(value), secrets);
  add(dump(value, kWire), secrets);
  add(repr(value), secrets);
  if (value.is_array()) {
    for (const Value& item : value.as_array()) collect(item, secrets);
  } else if (value.is_object()) {
    for (const auto& [name, member] : value.as_object()) collect(member, secrets);
  }
}

std::string mask(std::string_view text, const SecretIndex& secrets) {
  std::string masked;
  std::size_t shown = 0;  // up to here everything is in `masked`
  for (const auto& span : secrets.find(text)) {
    masked.append(text, shown, span.begin - shown).append(kRedacted);
    shown = span.end;
  }
  return masked.append(text, shown);
}

Value mask(const Value& value, const SecretIndex& secrets) {
  if (value.is_string()) return Value(mask(value.as_string(), secrets));
  if (value.is_array()) {
    Array items;
    for (const Value& item : value.as_array()) items.push_back(mask(item, secrets));
    return Value(std::move(items));
  }
  if (!value.is_object()) return value;
  Object members;
  for (const auto& [name, member] : value.as_object()) {
    members.set(mask(name, secrets), mask(member, secrets));
  }
  return Value(std::move(members));
}

}  // namespace

std::vector<std::string> sensitive_texts(const Workflow& workflow, const RunState& state,
                                         const std::vector<std::string>& others) {
  std::vector<std::string> secrets;
  for (const std::string& other : others) collect_text(other, secrets);
  for (const Step& step : workflow.steps) {
    for (const StepInput& input : step.inputs) {
      if (!input.sensitive) continue;
      if (const auto value = resolve_input(input, state)) collect(**value, secrets);
    }
    for (const StepOutput& output : step.outputs) {
      const Value* value =
          output.sensitive ? state.find_output(step.id_key(), output.name) : nullptr;
      if (value != nullptr) collect(*value, secrets);
    }
  }
  std::sort(secrets.begin(), secrets.end());
  secrets.erase(std::unique(secrets.begin(), secrets.end()), secrets.end());
  return secrets;
}

std::string mask(std::string_view text, const std::vector<std::string>& secrets) {
  return mask(text, SecretIndex(secrets));
}

Value mask(const Value& value, const std::vector<std::string>& secrets) {
  return mask(value, SecretIndex(secrets));
}

}  // namespace charter::worker
