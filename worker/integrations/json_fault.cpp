#include "worker/integrations/json_fault.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "ipc/utf8.h"

namespace charter::worker {
namespace {

constexpr std::size_t kMostDepth = 201;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

// Walks over a text until it is wrong. Every step returns whether it is right so far.
class Walk {
 public:
  explicit Walk(std::string_view text) : text_(text) {}

  bool document() {
    if (!value()) return false;
    skip_space();
    return over() || fail("trailing characters");
  }

  // Lines count from 1; the column is how many bytes of its line the fault ends at.
  [[nodiscard]] std::string fault() const {
    const auto seen = text_.substr(0, std::min(at_ + 1, text_.size()));
    const std::size_t line = seen.rfind('\n');
    const auto lines = 1 + std::count(seen.begin(), seen.end(), '\n');
    const std::size_t column =
        line == std::string_view::npos ? seen.size() : seen.size() - line - 1;
    return problem_ + " at line " + std::to_string(lines) + " column " + std::to_string(column);
  }

 private:
  [[nodiscard]] bool over() const { return at_ >= text_.size(); }
  [[nodiscard]] char here() const { return over() ? '\0' : text_[at_]; }
  bool fail(std::string_view problem) {
    problem_ = problem;
    return false;
  }
  // `early` is what was being read, if the text ends here.
  bool fail(std::string_view problem, std::string_view early) {
    problem_ = over() ? "EOF while parsing " + std::string(early) : std::string(problem);
    return false;
  }
  void skip_space() {
    while (!over() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
  }

  bool value();
  bool opened(bool& complete);
  bool closed(bool& another);
  bool member_name();
  bool scalar();
  bool word(std::string_view letters);
  bool number();
  bool digits();
  bool string();
  bool escape();
  bool hex_escape(unsigned& code);

  std::string_view text_;
  std::size_t at_ = 0;
  std::string problem_;
  std::vector<char> open_;
};

// One value. Open brackets are kept in a list, not on the stack.
bool Walk::value() {
  for (;;) {
    skip_space();
    bool complete = true;
    if (here() == '{' || here() == '[') {
      if (!opened(complete)) return false;
    } else if (!scalar()) {
      return false;
    }
    if (!complete) continue;
    bool another = false;
    if (!closed(another)) return false;
    if (!another) return true;
  }
}

bool Walk::opened(bool& complete) {
  if (open_.size() >= kMostDepth) return fail("recursion limit exceeded");
  const bool object = here() == '{';
  ++at_;
  skip_space();
  if (over()) return fail("", object ? "an object" : "a list");
  complete = here() == (object ? '}' : ']');
  if (complete) {
    ++at_;
    return true;
  }
  open_.push_back(object ? '}' : ']');
  return !object || member_name();
}

// Behind a complete value: leaves the containers that end here, up to one with a further value.
bool Walk::closed(bool& another) {
  while (!open_.empty()) {
    skip_space();
    const bool object = open_.back() == '}';
    if (here() == ',') {
      ++at_;
      skip_space();
      if (over()) return fail("", "a value");
      if (here() == open_.back()) return fail("trailing comma");
      another = true;
      return !object || member_name();
    }
    if (over() || here() != open_.back()) {
      return fail(object ? "expected `,` or `}`" : "expected `,` or `]`",
                  object ? "an object" : "a list");
    }
    ++at_;
    open_.pop_back();
  }
  return true;
}

bool Walk::member_name() {
  if (here() != '"') return fail("key must be a string");
  if (!string()) return false;
  skip_space();
  if (over() || here() != ':') return fail("expected `:`", "an object");
  ++at_;
  return true;
}

bool Walk::scalar() {
  switch (here()) {
    case '"':
      return string();
    case 't':
      return word("true");
    case 'f':
      return word("false");
    case 'n':
      return word("null");
    case 'N':
      return word("NaN");
    case 'I':
      return word("Infinity");
    default:
      break;
  }
  if (here() == '-' || is_digit(here())) return number();
  return fail("expected value", "a value");
}

bool Walk::word(std::string_view letters) {
  for (const char letter : letters) {
    if (over() || here() != letter) return fail("expected ident", "a value");
    ++at_;
  }
  return true;
}

bool Walk::digits() {
  if (!is_digit(here())) return fail("invalid number", "a value");
  while (is_digit(here())) ++at_;
  return true;
}

bool Walk::number() {
  if (here() == '-') ++at_;
  if (here() == 'I') return word("Infinity");
  if (here() == '0') {
    ++at_;
    if (is_digit(here())) return fail("invalid number");
  } else if (!digits()) {
    return false;
  }
  if (here() == '.') {
    ++at_;
    if (!digits()) return false;
  }
  if (here() != 'e' && here() != 'E') return true;
  ++at_;
  if (here() == '+' || here() == '-') ++at_;
  return digits();
}

// Bytes that are no UTF-8 are found at the string's end.
bool Walk::string() {
  ++at_;
  std::size_t bad = std::string_view::npos;
  while (!over() && here() != '"') {
    const auto byte = static_cast<unsigned char>(here());
    if (byte < 0x20)
      return fail("control character (\\u0000-\\u001F) found while parsing a string");
    if (byte == '\\') {
      if (!escape()) return false;
      continue;
    }
    const auto sequence = ipc::utf8_sequence(text_.substr(at_));
    if (!sequence.valid) bad = std::min(bad, at_);
    at_ += sequence.length;
  }
  if (over()) return fail("", "a string");
  if (bad != std::string_view::npos) {
    at_ = bad;
    return fail("invalid unicode code point");
  }
  ++at_;
  return true;
}

bool Walk::escape() {
  ++at_;
  if (here() != 'u') {
    if (over() || std::string_view("\"\\/bfnrt").find(here()) == std::string_view::npos) {
      return fail("invalid escape", "a string");
    }
    ++at_;
    return true;
  }
  unsigned code = 0;
  if (!hex_escape(code)) return false;
  if (code >= 0xDC00 && code < 0xE000) {
    --at_;
    return fail("lone leading surrogate in hex escape");
  }
  if (code < 0xD800 || code >= 0xDC00) return true;
  for (const char letter : {'\\', 'u'}) {
    if (over() || here() != letter) return fail("unexpected end of hex escape", "a string");
    if (letter == '\\') ++at_;
  }
  if (!hex_escape(code)) return false;
  if (code >= 0xDC00 && code < 0xE000) return true;
  --at_;
  return fail("lone leading surrogate in hex escape");
}

// At the "u"; behind its digits afterwards.
bool Walk::hex_escape(unsigned& code) {
  ++at_;
  code = 0;
  for (int digit = 0; digit < 4; ++digit, ++at_) {
    if (over() || !is_hex(here())) return fail("invalid escape", "a string");
    const char c = here();
    const auto low = static_cast<unsigned>(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    code = code * 16 + low;
  }
  return true;
}

}  // namespace

std::string json_fault_of(std::string_view text) {
  Walk walk(text);
  return walk.document() ? std::string() : walk.fault();
}

std::string bytes_repr(std::string_view bytes) {
  const bool has_single = bytes.find('\'') != std::string_view::npos;
  const char quote = has_single && bytes.find('"') == std::string_view::npos ? '"' : '\'';
  constexpr char kHex[] = "0123456789abcdef";
  std::string out{'b', quote};
  for (const char byte : bytes) {
    const auto code = static_cast<unsigned char>(byte);
    if (byte == '\n') {
      out += "\\n";
    } else if (byte == '\r') {
      out += "\\r";
    } else if (byte == '\t') {
      out += "\\t";
    } else if (code < 0x20 || code >= 0x7F) {
      out.append("\\x").append(1, kHex[code >> 4U]).append(1, kHex[code & 15U]);
    } else {
      if (byte == quote || byte == '\\') out += '\\';
      out += byte;
    }
  }
  return out + quote;
}

}  // namespace charter::worker
