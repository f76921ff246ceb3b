// Why a launch or a hand-off is refused.
#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <string_view>
#include <utility>

namespace charter::worker {

// The codes of docs/PROTOCOL.md.
namespace code {
inline constexpr std::string_view kUnknownWorkflow = "unknown_workflow";
inline constexpr std::string_view kInvalidInput = "invalid_input";
inline constexpr std::string_view kInvalidConfig = "invalid_config";
inline constexpr std::string_view kProjectNotFound = "project_not_found";
inline constexpr std::string_view kRuntimeUnavailable = "runtime_unavailable";
inline constexpr std::string_view kCapabilityError = "capability_error";
inline constexpr std::string_view kMissingSecret = "missing_secret";
inline constexpr std::string_view kInternalError = "internal_error";
inline constexpr std::string_view kNotWaiting = "not_waiting_for_input";
inline constexpr std::string_view kUnsupportedKind = "unsupported_input_kind";
inline constexpr std::string_view kInvalidPayload = "invalid_input_payload";
}  // namespace code

// `code` is for machines, `text` for people; neither holds a secret.
struct Failure {
  Failure() = default;
  Failure(std::string_view failure_code, std::string failure_text)
      : code(failure_code), text(std::move(failure_text)) {}

  std::string code;
  std::string text;
};

template <class T>
using Outcome = boost::system::result<T, Failure>;

// What the reference has no error class for, so that it travels as the bare text of an exception.
[[nodiscard]] inline Failure internal(std::string text) {
  return {code::kInternalError, std::move(text)};
}

}  // namespace charter::worker
