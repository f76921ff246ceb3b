// Builds JSON from parts.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ipc/json_scan.h"

namespace charter::ipc {

// One object, member by member.
class JsonObject {
 public:
  // `json` is a JSON text and goes in as it is.
  JsonObject& raw(std::string_view key, std::string_view json) {
    text_ += text_.size() > 1 ? "," : "";
    text_ += quoted(key);
    text_ += ':';
    text_ += json;
    return *this;
  }
  JsonObject& text(std::string_view key, std::string_view value) { return raw(key, quoted(value)); }
  JsonObject& number(std::string_view key, std::int64_t value) {
    return raw(key, std::to_string(value));
  }
  JsonObject& flag(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }

  // Nothing becomes null, and so does an empty text in text_or_null.
  template <std::same_as<std::optional<std::string>> Text>
  JsonObject& text(std::string_view key, const Text& value) {
    return value ? text(key, *value) : raw(key, "null");
  }
  template <std::same_as<std::optional<std::int64_t>> Number>
  JsonObject& number(std::string_view key, const Number& value) {
    return value ? number(key, *value) : raw(key, "null");
  }
  JsonObject& text_or_null(std::string_view key, std::string_view value) {
    return value.empty() ? raw(key, "null") : text(key, value);
  }
  [[nodiscard]] std::string str() const { return text_ + "}"; }

 private:
  std::string text_ = "{";
};

// One array, element by element.
class JsonArray {
 public:
  JsonArray& raw(std::string_view json) {
    text_ += text_.size() > 1 ? "," : "";
    text_ += json;
    return *this;
  }
  JsonArray& text(std::string_view value) { return raw(quoted(value)); }
  [[nodiscard]] std::string str() const { return text_ + "]"; }

 private:
  std::string text_ = "[";
};

// Elements, each a JSON text.
template <class Range>
[[nodiscard]] std::string json_array(const Range& elements) {
  JsonArray array;
  for (const auto& element : elements) array.raw(element);
  return array.str();
}

}  // namespace charter::ipc
