#include "worker/plan/toml_scalar.h"

#include <algorithm>
#include <charconv>

#include "worker/json/unicode.h"
#include "worker/yaml/scalar.h"

namespace charter::worker {
namespace {

bool is_control(char letter) {
  return (static_cast<unsigned char>(letter) < 0x20 && letter != '\t') || letter == 0x7F;
}

void read_code_point(TomlInput& in, std::string& out, int digits) {
  char32_t point = 0;
  for (int i = 0; i < digits; ++i) {
    const char letter = in.take();
    unsigned digit = 16;
    std::from_chars(&letter, &letter + 1, digit, 16);
    if (digit > 15) in.fail("invalid \\u escape");
    point = point << 4U | (digit & 15U);
  }
  if (point > 0x10FFFF || is_surrogate(point)) in.fail("invalid \\u escape");
  if (!in.fault) append_utf8(out, point);
}

void read_escape(TomlInput& in, std::string& out, bool lines) {
  constexpr std::string_view kLetters = "btnfr\"\\";
  constexpr std::string_view kMeanings = "\b\t\n\f\r\"\\";
  const char letter = in.take();
  if (const std::size_t place = kLetters.find(letter); place != std::string_view::npos) {
    out += kMeanings[place];
  } else if (letter == 'u' || letter == 'U') {
    read_code_point(in, out, letter == 'u' ? 4 : 8);
  } else if (lines && (letter == '\n' || letter == ' ' || letter == '\t')) {
    bool broken = letter == '\n';
    while (in.peek() == ' ' || in.peek() == '\t' || in.peek() == '\n') {
      broken = in.take() == '\n' || broken;
    }
    if (!broken) in.fail("invalid escape");
  } else {
    in.fail("invalid escape");
  }
}

// Up to and with the closing quotes.
std::string read_until(TomlInput& in, char quote, bool lines) {
  const std::string closing(lines ? 3 : 1, quote);
  std::string out;
  while (!in.fault) {
    if (in.done() || (!lines && in.peek() == '\n')) {
      in.fail("unterminated string");
    } else if (in.starts_with(closing)) {
      in.skip(closing.size());
      // Up to two quotes may stand right before the closing three.
      for (int extra = 0; lines && extra < 2 && in.accept(quote); ++extra) out += quote;
      return out;
    } else if (in.peek() == '\\' && quote == '"') {
      in.skip();
      read_escape(in, out, lines);
    } else if (is_control(in.peek()) && in.peek() != '\n') {
      in.fail("control character in a string");
    } else {
      out += in.take();
    }
  }
  return out;
}

// Digits with single underscores between them, taken out.
bool clean_digits(std::string_view text, std::string_view allowed, std::string& out) {
  bool digit_before = false;
  for (const char letter : text) {
    if (letter == '_' ? !digit_before : allowed.find(letter) == std::string_view::npos)
      return false;
    digit_before = letter != '_';
    if (digit_before) out += letter;
  }
  return digit_before;
}

bool read_integer(std::string_view text, Value& value) {
  constexpr std::string_view kHex = "0123456789abcdefABCDEF";
  const bool has_sign = text.starts_with('+') || text.starts_with('-');
  std::string digits;
  unsigned base = 10;
  if (text.starts_with("0x") || text.starts_with("0o") || text.starts_with("0b")) {
    base = text[1] == 'x' ? 16 : text[1] == 'o' ? 8 : 2;
    const std::string_view allowed = base == 16 ? kHex : kHex.substr(0, base);
    if (!clean_digits(text.substr(2), allowed, digits)) return false;
  } else {
    if (!clean_digits(text.substr(has_sign ? 1 : 0), kHex.substr(0, 10), digits)) return false;
    if (digits.size() > 1 && digits[0] == '0') return false;
    if (text[0] == '-') digits = "-" + digits;
  }
  const auto number = python_int(digits, base);
  if (!number) return false;
  value = Value(*number);
  return true;
}

bool read_float(std::string_view text, Value& value) {
  std::string_view rest = text;
  if (rest.starts_with('+') || rest.starts_with('-')) rest.remove_prefix(1);
  const bool special = rest == "inf" || rest == "nan";
  const auto is_digit = [rest](std::size_t at) {
    return at < rest.size() && rest[at] >= '0' && rest[at] <= '9';
  };
  const bool plain_start = is_digit(0) && !(rest[0] == '0' && is_digit(1));
  if (!special && (!plain_start || rest.find_first_of(".eE") == std::string_view::npos)) {
    return false;
  }
  std::string digits(text);
  std::erase(digits, '_');
  const auto number = python_float(digits);
  if (!number) return false;
  value = Value(*number);
  return true;
}

bool looks_like_date(std::string_view text) {
  return text.size() > 4 && (text[4] == '-' || text[2] == ':') &&
         text.find_first_not_of("0123456789-:.TtZz+ ") == std::string_view::npos;
}

}  // namespace

std::size_t TomlInput::line() const {
  const std::string_view read = text_.substr(0, std::min(at_, text_.size()));
  return 1 + static_cast<std::size_t>(std::count(read.begin(), read.end(), '\n'));
}

std::string read_toml_string(TomlInput& in, bool lines) {
  const char quote = in.take();
  if (lines && in.peek() == quote && in.peek(1) == quote) {
    in.skip(2);
    in.accept('\n');
    return read_until(in, quote, true);
  }
  return read_until(in, quote, false);
}

Value read_toml_scalar(TomlInput& in) {
  std::string text;
  const auto ends = [&in] {
    return in.done() || std::string_view(",]}#\n").find(in.peek()) != std::string_view::npos;
  };
  while (!ends()) text += in.take();
  text = strip(text);
  if (text == "true" || text == "false") return Value(text == "true");
  Value value;
  if (read_integer(text, value) || read_float(text, value)) return value;
  if (looks_like_date(text)) return Value(Foreign{"datetime", text, text});
  in.fail("invalid value");
  return {};
}

}  // namespace charter::worker
