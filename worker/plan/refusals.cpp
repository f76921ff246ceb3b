#include "worker/plan/refusals.h"

#include <algorithm>

#include "worker/json/python.h"

namespace charter::worker {
namespace {

class Refusals {
 public:
  void add(std::string_view failure_code, const std::string& what) {
    if (code_.empty()) code_ = failure_code;
    if (std::find(items_.begin(), items_.end(), what) == items_.end()) items_.push_back(what);
  }

  [[nodiscard]] std::optional<Failure> result() const {
    if (items_.empty()) return std::nullopt;
    std::string text = "This version of charter-daemon does not run: ";
    for (const std::string& item : items_) {
      if (&item != &items_.front()) text += ", ";
      text += item;
    }
    return Failure(code_, std::move(text));
  }

 private:
  std::string code_;
  std::vector<std::string> items_;
};

void refuse_step(const Step& step, Refusals& refusals) {
  if (step.type == StepType::integration || step.type == StepType::exporting ||
      step.type == StepType::input) {
    refusals.add(
        step.type == StepType::integration ? code::kCapabilityError : code::kInvalidInput,
        "steps of type '" + std::string(name_of(step.type)) + "' (step '" + step.id_text() + "')");
  }
  for (const StepOutput& output : step.outputs) {
    if (output.type != "artifact") continue;
    refusals.add(code::kInvalidInput, "artifact outputs (output '" + output.name + "' of step '" +
                                          step.id_text() + "')");
  }
}

void refuse_capability(const std::string& uses, const Object& capability, Refusals& refusals) {
  refusals.add(code::kCapabilityError,
               "capabilities of kind '" + str(get(capability, "kind")) + "' ('" + uses + "')");
  for (const std::string_view secrets : {"config_secret_refs", "env_secret_refs"}) {
    if (!truthy(get(capability, secrets))) continue;
    refusals.add(code::kCapabilityError, "secrets ('" + uses + "')");
  }
}

}  // namespace

std::optional<Failure> refuse(const RunParts& parts) {
  Refusals refusals;
  for (const Step& step : parts.workflow.steps) refuse_step(step, refusals);
  for (const auto& [uses, capability] : parts.capabilities) {
    refuse_capability(uses, capability.as_object(), refusals);
  }
  if (!parts.requirements.empty()) {
    refusals.add(code::kRuntimeUnavailable,
                 "projects that require packages ('" + parts.requirements.front() + "')");
  }
  if (parts.storage_driver != "file") {
    refusals.add(code::kInternalError, "storage driver '" + parts.storage_driver + "'");
  }
  return refusals.result();
}

}  // namespace charter::worker
