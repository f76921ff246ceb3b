#include <algorithm>
#include <cstdlib>

#include "ipc/json_text.h"
#include "ipc/python_float.h"
#include "ipc/validation_errors.h"

namespace charter::ipc {
namespace {

// The front and the back of a text that may be as long as a request: what shortened() leaves.
class Ends {
 public:
  void add(std::string_view part) {
    text_ += part;
    if (text_.size() > kMost) text_.erase(kKept, text_.size() - 2 * kKept);
  }
  [[nodiscard]] std::string shown() const { return shortened(text_); }

 private:
  // Room for a character that is cut on either side.
  static constexpr std::size_t kKept = 64;
  static constexpr std::size_t kMost = 4096;
  std::string text_;
};

bool is_integer(std::string_view raw) {
  return raw.find_first_not_of("-0123456789") == std::string_view::npos;
}

std::string number_text(std::string_view raw) {
  if (is_integer(raw)) return raw == "-0" ? "0" : std::string(raw);
  return python_float(std::strtod(std::string(raw).c_str(), nullptr));
}

std::string escaped_control(char byte) {
  switch (byte) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      break;
  }
  constexpr char kHex[] = "0123456789abcdef";
  const auto code = static_cast<unsigned char>(byte);
  return {'\\', 'x', kHex[code >> 4U], kHex[code & 15U]};
}

// Characters outside ASCII appear as they are, those that Python would not print among them.
std::string string_text(std::string_view raw) {
  const std::string text = decoded_string(raw);
  const bool has_single = text.find('\'') != std::string::npos;
  const char quote = has_single && text.find('"') == std::string::npos ? '"' : '\'';
  std::string out(1, quote);
  for (const char byte : text) {
    if (byte == quote || byte == '\\') out += '\\';
    if ((static_cast<unsigned char>(byte) < 0x20) || byte == 0x7F) {
      out += escaped_control(byte);
    } else {
      out += byte;
    }
  }
  return out + quote;
}

// Behind the string that begins at `at`.
std::size_t string_end(std::string_view text, std::size_t at) {
  for (++at; text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return at + 1;
}

std::string word_text(std::string_view word) {
  if (word == "true") return "True";
  if (word == "false") return "False";
  if (word == "null") return "None";
  return number_text(word);
}

// Brackets are the same in both languages, and each token is written by itself: no nesting.
std::string repr_of(std::string_view raw) {
  constexpr std::string_view kSpace = " \t\r\n";
  constexpr std::string_view kMarks = "[]{}";
  Ends ends;
  for (std::size_t at = 0; at < raw.size();) {
    const char c = raw[at];
    if (kSpace.find(c) != std::string_view::npos) {
      ++at;
    } else if (kMarks.find(c) != std::string_view::npos) {
      ends.add(raw.substr(at++, 1));
    } else if (c == ',' || c == ':') {
      ends.add(c == ',' ? ", " : ": ");
      ++at;
    } else if (c == '"') {
      const std::size_t end = string_end(raw, at);
      ends.add(string_text(raw.substr(at, end - at)));
      at = end;
    } else {
      const std::size_t end = std::min(raw.find_first_of("[]{},: \t\r\n", at), raw.size());
      ends.add(word_text(raw.substr(at, end - at)));
      at = end;
    }
  }
  return ends.shown();
}

std::string_view type_of(std::string_view raw) {
  switch (raw.front()) {
    case '{':
      return "dict";
    case '[':
      return "list";
    case '"':
      return "str";
    case 't':
    case 'f':
      return "bool";
    case 'n':
      return "NoneType";
    default:
      return is_integer(raw) ? "int" : "float";
  }
}

}  // namespace

ShownValue shown_json(std::string_view raw) {
  const auto is_space = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  while (!raw.empty() && is_space(raw.front())) raw.remove_prefix(1);
  while (!raw.empty() && is_space(raw.back())) raw.remove_suffix(1);
  if (raw.starts_with("\xEF\xBB\xBF")) raw.remove_prefix(3);
  if (raw.empty()) return {"None", "NoneType"};
  return {repr_of(raw), type_of(raw)};
}

}  // namespace charter::ipc
