#include "ipc/python_float.h"

#include <charconv>
#include <cmath>
#include <string_view>

namespace charter::ipc {
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

}  // namespace

std::string python_float(double number) {
  if (std::isnan(number)) return "nan";
  if (std::isinf(number)) return number > 0 ? "inf" : "-inf";
  const std::string sign = std::signbit(number) ? "-" : "";
  if (number == 0) return sign + "0.0";
  const Digits digits = shortest(std::fabs(number));
  const bool plain = digits.exponent >= -4 && digits.exponent < 16;
  return sign + (plain ? positional(digits) : scientific(digits));
}

}  // namespace charter::ipc
