#include "ipc/validation_errors.h"

namespace charter::ipc {
namespace {

// Part of the address that each error ends with.
constexpr std::string_view kLibraryVersion = "2.14";
constexpr std::size_t kMostShown = 50;
constexpr std::size_t kFront = 25;
constexpr std::size_t kBack = 24;

bool continues(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

}  // namespace

std::string shortened(std::string_view text) {
  if (text.size() <= kMostShown) return std::string(text);
  std::size_t front = kFront;
  while (front > 0 && continues(text[front])) --front;
  std::size_t back = text.size() - kBack;
  while (back < text.size() && continues(text[back])) ++back;
  return std::string(text.substr(0, front)) + "..." + std::string(text.substr(back));
}

void ValidationErrors::add(std::string_view place, const ValidationRule& broken,
                           const ShownValue& value) {
  ++count_;
  if (!place.empty()) lines_.append("\n").append(place);
  lines_.append("\n  ").append(broken.says).append(" [type=").append(broken.name);
  lines_.append(", input_value=").append(shortened(value.text));
  lines_.append(", input_type=").append(value.type).append("]");
  lines_.append("\n    For further information visit https://errors.pydantic.dev/");
  lines_.append(kLibraryVersion).append("/v/").append(broken.name);
}

std::string ValidationErrors::text() const {
  return std::to_string(count_) +
         (count_ == 1 ? " validation error for " : " validation errors for ") + model_ + lines_;
}

}  // namespace charter::ipc
