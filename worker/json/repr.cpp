#include <charconv>
#include <cmath>

#include "worker/json/keys.h"
#include "worker/json/python.h"
#include "worker/json/unicode.h"
#include "worker/json/value.h"

namespace charter::worker {
namespace {

// Shortest digits of a positive finite number, and the power of ten of the first.
struct Digits {
  std::string digits;
  int exponent = 0;
};

Digits shortest(double number) {
  char buffer[64];
  const auto [end, error] =
      std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific);
  const std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  const std::size_t mark = text.find('e');
  Digits result;
  for (const char letter : text.substr(0, mark)) {
    if (letter != '.') result.digits += letter;
  }
  const char* first = text.data() + mark + (text[mark + 1] == '+' ? 2 : 1);
  std::from_chars(first, end, result.exponent);
  return result;
}

std::string scientific(const Digits& number) {
  std::string text(1, number.digits[0]);
  if (number.digits.size() > 1) text.append(1, '.').append(number.digits, 1);
  const int size = number.exponent < 0 ? -number.exponent : number.exponent;
  text += number.exponent < 0 ? "e-" : "e+";
  if (size < 10) text += '0';
  return text + std::to_string(size);
}

std::string positional(const Digits& number) {
  if (number.exponent < 0) {
    return "0." + std::string(static_cast<std::size_t>(-number.exponent - 1), '0') + number.digits;
  }
  const auto whole = static_cast<std::size_t>(number.exponent) + 1;
  if (number.digits.size() <= whole) {
    return number.digits + std::string(whole - number.digits.size(), '0') + ".0";
  }
  return number.digits.substr(0, whole) + "." + number.digits.substr(whole);
}

void append_hex(std::string& out, char32_t point, int width) {
  constexpr char kHex[] = "0123456789abcdef";
  for (int shift = (width - 1) * 4; shift >= 0; shift -= 4) {
    out += kHex[(point >> static_cast<unsigned>(shift)) & 15U];
  }
}

void append_unprintable(std::string& out, char32_t point) {
  if (point == '\n') {
    out += "\\n";
  } else if (point == '\r') {
    out += "\\r";
  } else if (point == '\t') {
    out += "\\t";
  } else if (point < 0x100) {
    append_hex(out += "\\x", point, 2);
  } else if (point < 0x10000) {
    append_hex(out += "\\u", point, 4);
  } else {
    append_hex(out += "\\U", point, 8);
  }
}

std::string repr_array(const Array& items) {
  std::string text = "[";
  for (const Value& item : items) {
    if (text.size() > 1) text += ", ";
    text += repr(item);
  }
  return text + "]";
}

std::string repr_object(const Object& members) {
  std::string text = "{";
  for (const auto& [key, value] : members) {
    if (text.size() > 1) text += ", ";
    text += repr(decode_key(key)) + ": " + repr(value);
  }
  return text + "}";
}

}  // namespace

std::string repr(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  const std::string sign = std::signbit(number) ? "-" : "";
  if (number == 0) return sign + "0.0";
  const Digits digits = shortest(std::fabs(number));
  const bool plain = digits.exponent >= -4 && digits.exponent < 16;
  return sign + (plain ? positional(digits) : scientific(digits));
}

std::string repr(std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  std::string out(1, quote);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t point = next_code_point(text, at);
    if (point == static_cast<unsigned char>(quote) || point == '\\') {
      out += '\\';
      out += static_cast<char>(point);
    } else if (is_printable(point)) {
      out.append(text, begin, at - begin);
    } else {
      append_unprintable(out, point);
    }
  }
  return out + quote;
}

std::string repr(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) {
    if (out.size() > 1) out += ", ";
    out += repr(std::string_view(text));
  }
  return out + "]";
}

std::string repr(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::null:
      return "None";
    case Value::Kind::boolean:
      return value.as_bool() ? "True" : "False";
    case Value::Kind::integer:
      return value.as_integer().digits;
    case Value::Kind::real:
      return repr(value.as_real());
    case Value::Kind::string:
      return repr(std::string_view(value.as_string()));
    case Value::Kind::array:
      return repr_array(value.as_array());
    case Value::Kind::object:
      return repr_object(value.as_object());
    case Value::Kind::foreign:
      return value.as_foreign().repr;
  }
  return {};
}

std::string_view type_name(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::null:
      return "NoneType";
    case Value::Kind::boolean:
      return "bool";
    case Value::Kind::integer:
      return "int";
    case Value::Kind::real:
      return "float";
    case Value::Kind::string:
      return "str";
    case Value::Kind::array:
      return "list";
    case Value::Kind::object:
      return "dict";
    case Value::Kind::foreign:
      return value.as_foreign().type;
  }
  return {};
}

}  // namespace charter::worker
