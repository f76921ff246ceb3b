#include <charconv>
#include <cstdint>
#include <limits>

#include "ipc/ascii.h"
#include "worker/json/python.h"
#include "worker/json/unicode.h"
#include "worker/yaml/scalar.h"

namespace charter::worker {
namespace {

using IntegerResult = boost::system::result<Integer, ScalarFault>;

constexpr std::size_t kMaxDigits = 4300;  // Python's own limit for turning texts into ints

ScalarFault too_long(std::size_t digits) {
  std::string text = "Exceeds the limit (4300 digits) for integer string conversion";
  if (digits > 0) text += ": value has " + std::to_string(digits) + " digits";
  return {text + "; use sys.set_int_max_str_digits() to increase the limit"};
}

// A whole number that grows by one digit of any base at a time.
class Accumulator {
 public:
  void add(std::uint32_t base, std::uint32_t digit) {
    std::uint64_t carry = digit;
    for (std::uint32_t& limb : limbs_) {
      carry += std::uint64_t{limb} * base;
      limb = static_cast<std::uint32_t>(carry % kLimb);
      carry /= kLimb;
    }
    if (carry > 0) limbs_.push_back(static_cast<std::uint32_t>(carry));
  }
  [[nodiscard]] bool too_long() const { return limbs_.size() > kMaxDigits / 9 + 1; }
  [[nodiscard]] std::string digits() const {
    if (limbs_.empty()) return "0";
    std::string text = std::to_string(limbs_.back());
    for (std::size_t i = limbs_.size() - 1; i-- > 0;) {
      const std::string part = std::to_string(limbs_[i]);
      text.append(9 - part.size(), '0').append(part);
    }
    return text;
  }

 private:
  static constexpr std::uint64_t kLimb = 1'000'000'000;
  std::vector<std::uint32_t> limbs_;  // least significant first
};

std::string without_underscores(std::string_view text) {
  std::string out;
  for (const char letter : text) {
    if (letter != '_') out += letter;
  }
  return out;
}

// Digits of any script as ASCII ones, so that int() and float() read them alike.
std::string ascii_digits(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const int digit = decimal_digit(next_code_point(text, at));
    if (digit >= 0) {
      out += static_cast<char>('0' + digit);
    } else {
      out.append(text, begin, at - begin);
    }
  }
  return out;
}

int digit_value(char letter) {
  if (letter >= '0' && letter <= '9') return letter - '0';
  if (letter >= 'a' && letter <= 'z') return letter - 'a' + 10;
  if (letter >= 'A' && letter <= 'Z') return letter - 'A' + 10;
  return std::numeric_limits<int>::max();
}

void drop_base_prefix(std::string_view& text, unsigned base) {
  const char letter = base == 2 ? 'b' : base == 8 ? 'o' : base == 16 ? 'x' : '\0';
  if (letter != '\0' && text.size() > 2 && text[0] == '0' && (text[1] | 0x20) == letter) {
    text.remove_prefix(2);
  }
}

std::string negated(std::string digits) {
  if (digits == "0") return digits;
  return digits[0] == '-' ? digits.substr(1) : "-" + digits;
}

// What `sign` and then the rest of a scalar mean.
struct Signed {
  bool negative = false;
  std::string_view rest;
};

Signed split_sign(std::string_view text) {
  const bool negative = text[0] == '-';
  if (negative || text[0] == '+') text.remove_prefix(1);
  return {negative, text};
}

// 1:30:15, by sixties; each part is a small number, but for the first.
IntegerResult sexagesimal(std::string_view text) {
  Accumulator sum;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(':', begin), text.size());
    const auto part = python_int(text.substr(begin, end - begin), 10);
    if (!part) return part.error();
    std::uint32_t small = 0;
    const char* last = part->digits.data() + part->digits.size();
    const auto [stop, error] = std::from_chars(part->digits.data(), last, small);
    if (error != std::errc() || stop != last) {
      return ScalarFault{"invalid literal for int() with base 10: " + repr(text)};
    }
    sum.add(60, small);
    if (sum.too_long()) return too_long(0);
    begin = end + 1;
  }
  return Integer{sum.digits()};
}

IntegerResult unsigned_int(std::string_view text) {
  if (text == "0") return Integer{"0"};
  if (text.starts_with("0b")) return python_int(text.substr(2), 2);
  if (text.starts_with("0x")) return python_int(text.substr(2), 16);
  if (text.starts_with("0")) return python_int(text, 8);
  if (text.find(':') != std::string_view::npos) return sexagesimal(text);
  return python_int(text, 10);
}

ScalarFault no_float(std::string_view text) {
  return {"could not convert string to float: " + repr(text)};
}

ScalarResult sexagesimal_float(std::string_view text) {
  std::vector<double> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(':', begin), text.size());
    const std::string_view written = text.substr(begin, end - begin);
    const auto part = python_float(written);
    if (!part) return no_float(written);
    parts.push_back(*part);
    begin = end + 1;
  }
  double sum = 0;
  double base = 1;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    sum += *part * base;
    base *= 60;
  }
  return Value(sum);
}

bool is_decimal_float(std::string_view text) {
  std::size_t at = 0;
  const auto digits = [&] {
    const std::size_t begin = at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
    return at - begin;
  };
  std::size_t count = digits();
  if (at < text.size() && text[at] == '.') {
    ++at;
    count += digits();
  }
  if (count == 0) return false;
  if (at < text.size() && (text[at] | 0x20) == 'e') {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    if (digits() == 0) return false;
  }
  return at == text.size();
}

}  // namespace

IntegerResult python_int(std::string_view text, unsigned base) {
  const std::string plain = ascii_digits(strip(text));
  const ScalarFault fault{"invalid literal for int() with base " + std::to_string(base) + ": " +
                          repr(text)};
  if (plain.empty()) return fault;
  Signed number = split_sign(plain);
  drop_base_prefix(number.rest, base);
  if (number.rest.empty()) return fault;
  for (const char letter : number.rest) {
    if (digit_value(letter) >= static_cast<int>(base)) return fault;
  }
  if (base == 10 && number.rest.size() > kMaxDigits) return too_long(number.rest.size());
  const std::size_t first = std::min(number.rest.find_first_not_of('0'), number.rest.size() - 1);
  number.rest.remove_prefix(first);
  std::string digits(number.rest);
  if (base != 10) {
    Accumulator sum;
    for (const char letter : number.rest) {
      sum.add(base, static_cast<std::uint32_t>(digit_value(letter)));
      if (sum.too_long()) return too_long(0);
    }
    digits = sum.digits();
  }
  return Integer{number.negative ? negated(digits) : digits};
}

std::optional<double> python_float(std::string_view text) {
  const std::string plain = ipc::ascii_lower(ascii_digits(strip(text)));
  if (plain.empty()) return std::nullopt;
  const Signed number = split_sign(plain);
  const std::string_view rest = number.rest;
  double value = 0;
  if (rest == "inf" || rest == "infinity") {
    value = std::numeric_limits<double>::infinity();
  } else if (rest == "nan") {
    value = std::numeric_limits<double>::quiet_NaN();
  } else if (is_decimal_float(rest)) {
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
    if (error != std::errc()) value = std::strtod(std::string(rest).c_str(), nullptr);
  } else {
    return std::nullopt;
  }
  return number.negative ? -value : value;
}

ScalarResult yaml_int(std::string_view text) {
  const std::string plain = without_underscores(text);
  if (plain.empty()) return ScalarFault{"string index out of range"};
  const Signed number = split_sign(plain);
  if (number.rest.empty()) return ScalarFault{"string index out of range"};
  auto digits = unsigned_int(number.rest);
  if (!digits) return digits.error();
  return Value(Integer{number.negative ? negated(digits->digits) : digits->digits});
}

ScalarResult yaml_float(std::string_view text) {
  const std::string plain = ipc::ascii_lower(without_underscores(text));
  if (plain.empty()) return ScalarFault{"string index out of range"};
  const Signed number = split_sign(plain);
  ScalarResult value = Value(std::numeric_limits<double>::infinity());
  if (number.rest == ".nan") return Value(std::numeric_limits<double>::quiet_NaN());
  if (number.rest.find(':') != std::string_view::npos) {
    value = sexagesimal_float(number.rest);
  } else if (number.rest != ".inf") {
    const auto plain_value = python_float(number.rest);
    if (!plain_value) return no_float(number.rest);
    value = Value(*plain_value);
  }
  if (value && number.negative) return Value(-value->as_real());
  return value;
}

ScalarResult yaml_bool(std::string_view text) {
  const std::string lower = ipc::ascii_lower(text);
  if (lower == "yes" || lower == "true" || lower == "on") return Value(true);
  if (lower == "no" || lower == "false" || lower == "off") return Value(false);
  return ScalarFault{repr(std::string_view(lower))};
}

}  // namespace charter::worker
