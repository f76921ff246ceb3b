// What the gateway sees of a step's inputs and outputs: sensitive ones not at all, large ones by
// their size. And of long texts for people: how they begin and end.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "worker/json/value.h"
#include "worker/plan/workflow.h"

namespace charter::worker {

inline constexpr std::string_view kRedacted = "<redacted: sensitive>";

struct Audit {
  std::string json;  // an object, in the wire's form
  bool redacted = false;
};

// The declared sources of the inputs, not what they stand for.
[[nodiscard]] Audit audit_inputs(const Step& step);
[[nodiscard]] Audit audit_outputs(const Step& step, const Object& outputs);

// "<truncated: 8.8KB>".
[[nodiscard]] std::string size_marker(std::size_t bytes);

// The text, or where an event would need more than kMostTextBytes for it: its beginning and its
// end, and between them the marker of what is missing. To be asked once secrets are masked, of
// which it would leave pieces.
inline constexpr std::size_t kMostTextBytes = std::size_t{1} << 20;
[[nodiscard]] std::string cut_text(std::string text);

}  // namespace charter::worker
