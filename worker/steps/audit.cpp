#include "worker/steps/audit.h"

#include <array>
#include <cstdio>

namespace charter::worker {
namespace {

constexpr std::size_t kMostAuditBytes = 8192;

void add(Audit& audit, const std::string& name, const Value& value, bool sensitive) {
  if (!audit.json.empty()) audit.json += ',';
  audit.json += dump(Value(name), kWire) + ':';
  if (sensitive) {
    audit.redacted = true;
    audit.json += dump(Value(kRedacted), kWire);
    return;
  }
  const std::size_t size =
      value.is_string() ? value.as_string().size() : dump(value, kAudit).size();
  audit.json += dump(size <= kMostAuditBytes ? value : Value(size_marker(size)), kWire);
}

Audit closed(Audit audit) {
  audit.json = "{" + audit.json + "}";
  return audit;
}

}  // namespace

Audit audit_inputs(const Step& step) {
  Audit audit;
  for (const StepInput& input : step.inputs) {
    add(audit, input.name, input.source, input.sensitive);
  }
  return closed(std::move(audit));
}

Audit audit_outputs(const Step& step, const Object& outputs) {
  Audit audit;
  for (const auto& [name, value] : outputs) {
    const StepOutput* declared = step.output(name);
    add(audit, name, value, declared != nullptr && declared->sensitive);
  }
  return closed(std::move(audit));
}

std::string size_marker(std::size_t bytes) {
  constexpr std::size_t kKilo = 1024;
  constexpr std::size_t kMega = kKilo * 1024;
  if (bytes < kKilo) return "<truncated: " + std::to_string(bytes) + "B>";
  const bool mega = bytes >= kMega;
  std::array<char, 64> text{};
  (void)std::snprintf(text.data(), text.size(), "%.1f",
                      static_cast<double>(bytes) / static_cast<double>(mega ? kMega : kKilo));
  std::string number(text.data());
  if (number.ends_with(".0")) number.resize(number.size() - 2);
  return "<truncated: " + number + (mega ? "MB>" : "KB>");
}

}  // namespace charter::worker
