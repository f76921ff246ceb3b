// Writes one JSON object, member by member.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "ipc/json_scan.h"

namespace charter::gateway {

class JsonObject {
 public:
  JsonObject& text(std::string_view name, std::string_view value) {
    return raw(name, ipc::quoted(value));
  }
  JsonObject& number(std::string_view name, std::int64_t value) {
    return raw(name, std::to_string(value));
  }
  JsonObject& boolean(std::string_view name, bool value) {
    return raw(name, value ? "true" : "false");
  }
  // Nothing becomes null.
  JsonObject& text(std::string_view name, const std::optional<std::string>& value) {
    return value ? text(name, std::string_view(*value)) : raw(name, "null");
  }
  JsonObject& number(std::string_view name, const std::optional<std::int64_t>& value) {
    return value ? number(name, *value) : raw(name, "null");
  }
  // `json` is a JSON text and goes in as it is.
  JsonObject& raw(std::string_view name, std::string_view json) {
    out_ += out_.size() == 1 ? "\"" : ",\"";
    out_ += name;
    out_ += "\":";
    out_ += json;
    return *this;
  }

  [[nodiscard]] std::string take() {
    out_ += '}';
    return std::move(out_);
  }

 private:
  std::string out_ = "{";
};

// Elements, each a JSON text, as an array.
template <class Range>
[[nodiscard]] std::string json_array(const Range& elements) {
  std::string out = "[";
  for (const auto& element : elements) {
    if (out.size() > 1) out += ',';
    out += element;
  }
  out += ']';
  return out;
}

}  // namespace charter::gateway
