#include "worker/steps/inputs.h"

#include <optional>
#include <string_view>

#include "worker/json/unicode.h"

namespace charter::worker {
namespace {

constexpr long long kMostIndex = 1LL << 40;

std::string quote(std::string_view text) {
  return std::string(1, '\'').append(text).append(1, '\'');
}

// One step of a path. `source` is the whole reference, `traversed` what has been walked so far.
ipc::Result<const Value*> descend(const Value& value, std::string_view segment,
                                  const std::string& source, std::string_view traversed) {
  if (value.is_object()) {
    const Value* member = value.as_object().find(segment);
    if (member != nullptr) return member;
    return ipc::plain_error("references missing field " + quote(segment) + " in " + quote(source));
  }
  if (!value.is_array()) {
    return ipc::plain_error("references " + quote(source) + ", but " + quote(traversed) +
                            " is not traversable");
  }
  const auto index = list_index(segment);
  if (!index) {
    return ipc::plain_error("references " + quote(source) + ", but " + quote(traversed) +
                            " is an array and " + quote(segment) + " is not an index");
  }
  const Array& items = value.as_array();
  if (*index < 0 || static_cast<std::size_t>(*index) >= items.size()) {
    return ipc::plain_error("references missing index " + quote(segment) + " in " + quote(source));
  }
  return &items[static_cast<std::size_t>(*index)];
}

// A reference that has to lead somewhere.
ipc::Result<const Value*> resolve_source(const std::string& source, const RunState& state) {
  if (const Value* whole = state.find(source); whole != nullptr) return whole;
  std::size_t dot = source.find('.');
  const Value* value = dot == std::string::npos ? nullptr : state.find(source.substr(0, dot));
  if (value == nullptr) return ipc::plain_error("references unknown source " + quote(source));
  while (dot != std::string::npos) {
    const std::string_view traversed = std::string_view(source).substr(0, dot);
    const std::size_t next = source.find('.', dot + 1);
    const std::string_view segment =
        std::string_view(source).substr(dot + 1, next == std::string::npos ? next : next - dot - 1);
    auto found = descend(*value, segment, source, traversed);
    if (!found) return found;
    value = *found;
    dot = next;
  }
  return value;
}

}  // namespace

std::optional<long long> list_index(std::string_view text) {
  const std::string_view digits = strip(text);
  std::size_t at = 0;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) at = 1;
  long long index = 0;
  bool digit_before = false;
  while (at < digits.size()) {
    if (digits[at] == '_') {
      if (!digit_before) return std::nullopt;
      digit_before = false;
      ++at;
      continue;
    }
    const int digit = decimal_digit(next_code_point(digits, at));
    if (digit < 0) return std::nullopt;
    if (index < kMostIndex) index = index * 10 + digit;
    digit_before = true;
  }
  if (!digit_before) return std::nullopt;
  return negative && index > 0 ? -1 : index;
}

ipc::Result<const Value*> resolve_input(const StepInput& input, const RunState& state) {
  if (input.kind == InputKind::value) return &input.source;
  if (!input.source.is_string()) {
    if (input.kind == InputKind::automatic) return &input.source;
    return ipc::plain_error("references unknown source " + quote(dump(input.source)));
  }
  const std::string& source = input.source.as_string();
  if (input.kind == InputKind::from) return resolve_source(source, state);
  if (const Value* whole = state.find(source); whole != nullptr) return whole;
  const std::size_t dot = source.find('.');
  if (dot == std::string::npos || state.find(source.substr(0, dot)) == nullptr) {
    return &input.source;
  }
  return resolve_source(source, state);
}

ipc::Result<std::vector<ResolvedInput>> resolve_inputs(const Step& step, const RunState& state) {
  std::vector<ResolvedInput> resolved;
  resolved.reserve(step.inputs.size());
  for (const StepInput& input : step.inputs) {
    const auto value = resolve_input(input, state);
    if (!value) {
      return ipc::plain_error("Step '" + step.id_text() + "': input '" + input.name + "' " +
                              value.error().what);
    }
    resolved.push_back({&input.name, *value});
  }
  return resolved;
}

}  // namespace charter::worker
