#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <limits>

#include "worker/json/unicode.h"
#include "worker/json/value.h"

namespace charter::worker {
namespace {

// Where a byte is, as Python's decoder counts: in code points, lines and columns from 1.
std::string place(std::string_view text, std::size_t byte) {
  std::size_t position = 0;
  std::size_t line = 1;
  std::size_t column = 1;
  for (std::size_t at = 0; at < std::min(byte, text.size()); ++position) {
    const bool ends_line = text[at] == '\n';
    (void)next_code_point(text, at);
    column = ends_line ? 1 : column + 1;
    if (ends_line) ++line;
  }
  return ": line " + std::to_string(line) + " column " + std::to_string(column) + " (char " +
         std::to_string(position) + ")";
}

// Recursive descent over one text. After a failure `what_` is set and every function returns.
class Parser {
 public:
  Parser(std::string_view text, std::size_t most_nesting)
      : text_(text), most_nesting_(most_nesting) {}

  ipc::Result<Value> run() {
    if (text_.starts_with("\xEF\xBB\xBF")) {
      fail("Unexpected UTF-8 BOM (decode using utf-8-sig)");
    }
    if (std::string fault = utf8_fault(text_); !fault.empty()) return ipc::plain_error(fault);
    Value value = failed() ? Value() : read_value();
    skip_space();
    if (!failed() && at_ < text_.size()) fail("Extra data");
    if (failed()) return ipc::plain_error(what_ + place(text_, where_));
    return value;
  }

 private:
  [[nodiscard]] bool failed() const { return !what_.empty(); }
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void fail(const char* what) { fail(what, at_); }
  void fail(const char* what, std::size_t where) {
    if (failed()) return;
    what_ = what;
    where_ = where;
  }

  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
  }

  bool take(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  Value read_value() {
    skip_space();
    switch (peek()) {
      case '{':
        return nested(&Parser::read_object);
      case '[':
        return nested(&Parser::read_array);
      case '"':
        return Value(read_string());
      default:
        return read_plain();
    }
  }

  Value nested(Value (Parser::*read)()) {
    if (++depth_ > most_nesting_) {
      fail("Nested too deeply");
      return {};
    }
    Value value = (this->*read)();
    --depth_;
    return value;
  }

  Value read_plain() {
    if (take("null")) return {};
    if (take("true")) return Value(true);
    if (take("false")) return Value(false);
    if (take("NaN")) return Value(std::numeric_limits<double>::quiet_NaN());
    if (take("Infinity")) return Value(std::numeric_limits<double>::infinity());
    if (take("-Infinity")) return Value(-std::numeric_limits<double>::infinity());
    return read_number();
  }

  bool skip_digits() {
    const std::size_t begin = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    return at_ > begin;
  }

  Value read_number() {
    const std::size_t begin = at_;
    if (peek() == '-') ++at_;
    if (peek() == '0') {
      ++at_;
    } else if (!skip_digits()) {
      at_ = begin;
      fail("Expecting value");
      return {};
    }
    const std::size_t whole = at_;
    if (peek() == '.') {
      ++at_;
      if (!skip_digits()) at_ = whole;
    }
    const std::size_t fraction = at_;
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      if (!skip_digits()) at_ = fraction;
    }
    const std::string_view number = text_.substr(begin, at_ - begin);
    if (at_ > whole) return Value(real(number));
    return Value(Integer{number == "-0" ? "0" : std::string(number)});
  }

  static double real(std::string_view text) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    // Out of range says neither whether it is infinite nor its sign; strtod does.
    if (error == std::errc()) return number;
    return std::strtod(std::string(text).c_str(), nullptr);
  }

  std::string read_string() {
    std::string out;
    const std::size_t quote = at_;
    for (++at_;;) {
      std::size_t end = at_;
      while (end < text_.size() && text_[end] != '"' && text_[end] != '\\' &&
             static_cast<unsigned char>(text_[end]) >= 0x20) {
        ++end;
      }
      out.append(text_, at_, end - at_);
      at_ = end;
      if (at_ >= text_.size()) {
        fail("Unterminated string starting at", quote);
      } else if (text_[at_] == '"') {
        ++at_;
        return out;
      } else if (text_[at_] == '\\') {
        read_escape(out, quote);
      } else {
        fail("Invalid control character at");
      }
      if (failed()) return out;
    }
  }

  void read_escape(std::string& out, std::size_t quote) {
    ++at_;
    if (at_ >= text_.size()) return fail("Unterminated string starting at", quote);
    const char letter = peek();
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (letter == 'u') {
      ++at_;
      read_unicode(out);
      return;
    }
    const std::size_t meaning = kLetters.find(letter);
    if (meaning == std::string_view::npos) return fail("Invalid \\escape", at_ - 1);
    out += kMeanings[meaning];
    ++at_;
  }

  // Four hexadecimal digits, or -1.
  int read_hex(std::size_t at) const {
    if (at + 4 > text_.size()) return -1;
    int point = 0;
    const char* end = text_.data() + at + 4;
    const auto [stop, error] = std::from_chars(text_.data() + at, end, point, 16);
    return error == std::errc() && stop == end && text_[at] != '-' ? point : -1;
  }

  void read_unicode(std::string& out) {
    const int first = read_hex(at_);
    if (first < 0) return fail("Invalid \\uXXXX escape", at_ - 1);
    at_ += 4;
    auto point = static_cast<char32_t>(first);
    if (point >= 0xD800 && point <= 0xDBFF && text_.substr(at_, 2) == "\\u") {
      const int second = read_hex(at_ + 2);
      if (second >= 0xDC00 && second <= 0xDFFF) {
        point = 0x10000 + ((point - 0xD800) << 10U) + (static_cast<char32_t>(second) - 0xDC00);
        at_ += 6;
      }
    }
    append_utf8(out, point);
  }

  Value read_array() {
    Array items;
    ++at_;
    skip_space();
    if (peek() == ']') {
      ++at_;
      return Value(std::move(items));
    }
    while (!failed()) {
      items.push_back(read_value());
      skip_space();
      if (take("]")) break;
      if (!take(",")) fail("Expecting ',' delimiter");
    }
    return Value(std::move(items));
  }

  Value read_object() {
    Object members;
    ++at_;
    skip_space();
    if (peek() == '}') {
      ++at_;
      return Value(std::move(members));
    }
    while (!failed()) {
      skip_space();
      if (peek() != '"') {
        fail("Expecting property name enclosed in double quotes");
        break;
      }
      std::string name = read_string();
      skip_space();
      if (!failed() && !take(":")) fail("Expecting ':' delimiter");
      if (failed()) break;
      members.set(std::move(name), read_value());
      skip_space();
      if (take("}")) break;
      if (!take(",")) fail("Expecting ',' delimiter");
    }
    return Value(std::move(members));
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t most_nesting_;
  std::size_t depth_ = 0;
  std::string what_;
  std::size_t where_ = 0;
};

}  // namespace

ipc::Result<Value> parse_json(std::string_view text, std::size_t most_nesting) {
  return Parser(text, most_nesting).run();
}

}  // namespace charter::worker
