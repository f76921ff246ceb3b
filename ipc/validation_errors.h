// What is wrong with the shape of a JSON document, in the words of pydantic, with which the
// reference checks it: clients and people know these texts.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace charter::ipc {

// A value as Python shows it, and the name of its type there.
struct ShownValue {
  std::string text;
  std::string_view type;
};

// A rule that was broken: what it says, and its name.
struct ValidationRule {
  std::string_view says;
  std::string_view name;
};

inline constexpr ValidationRule kFieldRequired{"Field required", "missing"};
inline constexpr ValidationRule kWantsString{"Input should be a valid string", "string_type"};
inline constexpr ValidationRule kWantsDictionary{"Input should be a valid dictionary", "dict_type"};
inline constexpr ValidationRule kWantsObject{"Input should be an object", "dict_type"};
inline constexpr ValidationRule kNothingExtra{"Extra inputs are not permitted", "extra_forbidden"};

class ValidationErrors {
 public:
  // `model` is what the document should have been.
  explicit ValidationErrors(std::string model) : model_(std::move(model)) {}

  // `place` is the path to the value, joined by dots; empty for the document itself.
  void add(std::string_view place, const ValidationRule& broken, const ShownValue& value);

  [[nodiscard]] bool empty() const { return count_ == 0; }
  [[nodiscard]] std::string text() const;

 private:
  std::string model_;
  std::string lines_;
  std::size_t count_ = 0;
};

// At most 50 bytes of the text: where it has more, those of its front and its back.
[[nodiscard]] std::string shortened(std::string_view text);

// A JSON value as Python shows what it reads, shortened. The text has been checked.
[[nodiscard]] ShownValue shown_json(std::string_view raw);

}  // namespace charter::ipc
