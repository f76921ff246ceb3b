// Builds one line of a JSON answer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ipc/json_scan.h"

namespace charter::supervisor {

class JsonObject {
 public:
  JsonObject& raw(std::string_view key, std::string_view json) {
    text_ += text_.size() > 1 ? "," : "";
    text_ += ipc::quoted(key);
    text_ += ':';
    text_ += json;
    return *this;
  }
  JsonObject& text(std::string_view key, std::string_view value) {
    return raw(key, ipc::quoted(value));
  }
  // Null when it is empty.
  JsonObject& text_or_null(std::string_view key, std::string_view value) {
    return value.empty() ? raw(key, "null") : text(key, value);
  }
  JsonObject& number(std::string_view key, std::int64_t value) {
    return raw(key, std::to_string(value));
  }
  JsonObject& flag(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }
  [[nodiscard]] std::string str() const { return text_ + "}"; }

 private:
  std::string text_ = "{";
};

}  // namespace charter::supervisor
