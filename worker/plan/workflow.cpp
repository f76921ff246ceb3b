#include "worker/plan/workflow.h"

#include <array>

#include "worker/json/keys.h"
#include "worker/json/python.h"

namespace charter::worker {
namespace {

constexpr std::array<std::pair<std::string_view, StepType>, 6> kTypes = {{
    {"step", StepType::integration},
    {"shell", StepType::shell},
    {"state", StepType::state},
    {"export", StepType::exporting},
    {"gate", StepType::gate},
    {"input", StepType::input},
}};

}  // namespace

std::string_view name_of(StepType type) {
  for (const auto& [name, known] : kTypes) {
    if (known == type) return name;
  }
  return {};
}

std::optional<StepType> step_type(std::string_view name) {
  for (const auto& [known, type] : kTypes) {
    if (known == name) return type;
  }
  return std::nullopt;
}

std::string Step::id_text() const { return str(id); }

std::string Step::id_key() const { return json_key(encode_key(id)).value_or(str(id)); }

const StepOutput* Step::output(std::string_view name) const {
  for (const StepOutput& output : outputs) {
    if (output.name == name) return &output;
  }
  return nullptr;
}

}  // namespace charter::worker
