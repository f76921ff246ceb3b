// What charter.yml and manifests have in common: one error at a time, the first one, with the
// file's path in front.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "worker/json/value.h"
#include "worker/plan/failure.h"

namespace charter::worker {

// Why a configuration is refused. `invalid` is the reference's own configuration error, whose
// code depends on who reads the file; otherwise it is another exception's bare text.
struct ConfigFault {
  bool invalid = true;
  std::string text;
};
using Fault = std::optional<ConfigFault>;

[[nodiscard]] inline ConfigFault invalid(std::string text) { return {true, std::move(text)}; }
[[nodiscard]] inline ConfigFault bare(std::string text) { return {false, std::move(text)}; }

// The fault as a failure with the reader's code.
[[nodiscard]] inline Failure failure_of(const ConfigFault& fault, std::string_view reader_code) {
  return fault.invalid ? Failure(reader_code, fault.text) : internal(fault.text);
}

// The first field, sorted by name, that is not among `allowed`.
[[nodiscard]] Fault find_unknown(const Object& raw, std::initializer_list<std::string_view> allowed,
                                 const std::string& context);

// bool(value) or {}: what an absent, empty or false value reads as.
[[nodiscard]] const Value& or_empty(const Value& value);

}  // namespace charter::worker
