#include "worker/steps/outputs.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "ipc/utf8.h"
#include "worker/json/python.h"

namespace charter::worker {
namespace {

// The name of the format's type that fits best, Python's where none does.
std::string_view output_type(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::boolean:
      return "boolean";
    case Value::Kind::string:
      return "string";
    case Value::Kind::integer:
    case Value::Kind::real:
      return "number";
    case Value::Kind::array:
      return "array";
    case Value::Kind::object:
      return "object";
    default:
      return type_name(value);
  }
}

std::optional<Value> builtin(std::string_view name, const std::string& output,
                             const std::string& errors, int exit_code) {
  if (name == "stdout") return Value(output);
  if (name == "stderr") return Value(errors);
  if (name == "exit_code") return Value::integer(exit_code);
  return std::nullopt;
}

// Which of the names the object lacks.
std::vector<std::string> missing(const std::vector<std::string>& names, const Object& object) {
  std::vector<std::string> lacking;
  std::copy_if(names.begin(), names.end(), std::back_inserter(lacking),
               [&object](const std::string& name) { return object.find(name) == nullptr; });
  return lacking;
}

// The outputs of these names, from one value: of several each is a member of it.
ipc::Result<void> map_value(const Step& step, const std::vector<std::string>& names, Value value,
                            std::string_view source, Object& outputs) {
  if (names.size() == 1) {
    outputs.set(names.front(), std::move(value));
    return {};
  }
  const std::string where = "Step '" + step.id_text() + "': " + std::string(source) + " returned ";
  if (!value.is_object()) {
    return ipc::plain_error(where + "'" + std::string(output_type(value)) +
                            "' but multiple outputs " + repr(names) +
                            " are declared. Return an object keyed by output name.");
  }
  const auto lacking = missing(names, value.as_object());
  if (!lacking.empty()) {
    return ipc::plain_error(where + "an object missing declared output key(s): " + repr(lacking));
  }
  for (const std::string& name : names) outputs.set(name, *value.as_object().find(name));
  return {};
}

// The outputs that are not builtin ones, from what was printed: also a single one may be a member.
ipc::Result<void> map_printed(const Step& step, const std::vector<std::string>& names,
                              Value printed, Object& outputs) {
  const Value* member = names.size() == 1 && printed.is_object()
                            ? std::as_const(printed).as_object().find(names.front())
                            : nullptr;
  if (member != nullptr) {
    outputs.set(names.front(), *member);
    return {};
  }
  return map_value(step, names, std::move(printed), "Shell stdout", outputs);
}

}  // namespace

ipc::Result<Object> map_shell_outputs(const Step& step, const std::string& output,
                                      const std::string& errors, int exit_code) {
  Object outputs;
  if (step.outputs.empty()) return outputs;
  const std::string printed = trim_lines(output);
  const std::string complained = trim_lines(errors);
  std::vector<std::string> names;
  for (const StepOutput& declared : step.outputs) {
    if (auto value = builtin(declared.name, printed, complained, exit_code)) {
      outputs.set(declared.name, std::move(*value));
    } else {
      names.push_back(declared.name);
    }
  }
  if (names.empty()) return outputs;
  auto parsed = parse_json(printed);
  auto mapped = map_printed(step, names, parsed ? std::move(*parsed) : Value(printed), outputs);
  if (!mapped) return mapped.error();
  return outputs;
}

ipc::Result<Object> map_integration_outputs(const Step& step, Value value) {
  Object outputs;
  if (step.outputs.empty()) return outputs;
  std::vector<std::string> names;
  for (const StepOutput& declared : step.outputs) names.push_back(declared.name);
  auto mapped = map_value(step, names, std::move(value), "Integration", outputs);
  if (!mapped) return mapped.error();
  return outputs;
}

ipc::Result<Object> check_outputs(const Step& step, const Object& outputs,
                                  const ArtifactStore& store) {
  Object checked;
  for (const StepOutput& declared : step.outputs) {
    const Value* value = outputs.find(declared.name);
    const std::string where = "Step '" + step.id_text() + "': output '" + declared.name + "' ";
    if (value == nullptr) return ipc::plain_error(where + "is missing");
    // A key-value file, for one, may hold what nobody could read back from a state file.
    if (nests_deeper(*value, kMostNesting)) {
      return ipc::plain_error(where + "is nested more than " + std::to_string(kMostNesting) +
                              " deep");
    }
    if (declared.type == "artifact") {
      auto reference = store.store(step, declared, *value);
      if (!reference) return reference.error();
      checked.set(declared.name, std::move(*reference));
      continue;
    }
    if (output_type(*value) != declared.type) {
      return ipc::plain_error(where + "expected type '" + declared.type + "' but got '" +
                              std::string(output_type(*value)) + "'");
    }
    checked.set(declared.name, *value);
  }
  return checked;
}

std::string trim_lines(const std::string& text) {
  const std::size_t last = text.find_last_not_of("\r\n");
  return last == std::string::npos ? std::string() : text.substr(0, last + 1);
}

std::string decode_lossy(std::string bytes) {
  std::string out;
  std::size_t kept = 0;  // up to here everything is in `out`, unless nothing was replaced
  std::size_t at = 0;
  while (at < bytes.size()) {
    const auto sequence = ipc::utf8_sequence(std::string_view(bytes).substr(at));
    if (!sequence.valid) {
      out.append(bytes, kept, at - kept);
      out += ipc::kReplacement;
      kept = at + sequence.length;
    }
    at += sequence.length;
  }
  if (kept == 0) return bytes;
  return out.append(bytes, kept, std::string::npos);
}

}  // namespace charter::worker
