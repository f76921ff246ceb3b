// Strings, numbers, booleans and dates of TOML.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "worker/json/value.h"

namespace charter::worker {

// A text that is read from front to back; the first failure stays.
class TomlInput {
 public:
  explicit TomlInput(std::string_view text) : text_(text) {}

  std::optional<std::string> fault;

  [[nodiscard]] bool done() const { return at_ >= text_.size(); }
  [[nodiscard]] char peek(std::size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  char take() { return done() ? '\0' : text_[at_++]; }
  void skip(std::size_t count = 1) { at_ += count; }
  bool accept(char letter) {
    if (done() || text_[at_] != letter) return false;
    ++at_;
    return true;
  }
  [[nodiscard]] bool starts_with(std::string_view word) const {
    return text_.substr(at_, word.size()) == word;
  }
  void skip_spaces() {
    while (peek() == ' ' || peek() == '\t') ++at_;
  }
  void fail(const char* what) {
    if (!fault) fault = what;
  }
  [[nodiscard]] std::size_t line() const;

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

// At a quote. Keys may not be of several lines.
[[nodiscard]] std::string read_toml_string(TomlInput& in, bool lines);
// true, false, a number or a date.
[[nodiscard]] Value read_toml_scalar(TomlInput& in);

}  // namespace charter::worker
