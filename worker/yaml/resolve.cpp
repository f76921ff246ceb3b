#include "worker/yaml/scalar.h"

namespace charter::worker {
namespace {

constexpr bool is_digit(char letter) { return letter >= '0' && letter <= '9'; }

// Steps over one text; every `skip` says whether it found something.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : text_(text) {}

  [[nodiscard]] bool done() const { return at_ == text_.size(); }
  [[nodiscard]] char peek() const { return done() ? '\0' : text_[at_]; }
  bool skip(char letter) {
    if (done() || text_[at_] != letter) return false;
    ++at_;
    return true;
  }
  bool skip_any(std::string_view letters) {
    if (done() || letters.find(text_[at_]) == std::string_view::npos) return false;
    ++at_;
    return true;
  }
  std::size_t skip_all(std::string_view letters) {
    const std::size_t begin = at_;
    while (skip_any(letters)) {
    }
    return at_ - begin;
  }
  bool skip_word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  // Between `least` and `most` digits.
  bool skip_digits(int least, int most) {
    int count = 0;
    while (count < most && is_digit(peek())) {
      ++at_;
      ++count;
    }
    return count >= least;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

constexpr std::string_view kDigits = "0123456789_";

// One or more of :5 or :45.
bool skip_sixtieths(Cursor& cursor) {
  bool any = false;
  while (cursor.skip(':')) {
    const bool tens = cursor.peek() >= '0' && cursor.peek() <= '5';
    if (!cursor.skip_digits(1, tens ? 2 : 1)) return false;
    any = true;
  }
  return any;
}

// Nothing, or e+5; a broken exponent is left in place and so fails the match.
void skip_exponent(Cursor& cursor) {
  Cursor ahead = cursor;
  if (ahead.skip_any("eE") && ahead.skip_any("+-") && ahead.skip_all("0123456789") > 0) {
    cursor = ahead;
  }
}

bool is_special_float(std::string_view text) {
  if (text == ".nan" || text == ".NaN" || text == ".NAN") return true;
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return text == ".inf" || text == ".Inf" || text == ".INF";
}

bool is_float(std::string_view text) {
  if (is_special_float(text)) return true;
  Cursor cursor(text);
  if (cursor.skip('.')) {
    if (!is_digit(cursor.peek())) return false;
    cursor.skip_all(kDigits);
    skip_exponent(cursor);
    return cursor.done();
  }
  cursor.skip_any("-+");
  if (!is_digit(cursor.peek())) return false;
  cursor.skip_all(kDigits);
  const bool sexagesimal = cursor.peek() == ':';
  if (sexagesimal && !skip_sixtieths(cursor)) return false;
  if (!cursor.skip('.')) return false;
  cursor.skip_all(kDigits);
  if (!sexagesimal) skip_exponent(cursor);
  return cursor.done();
}

bool is_int(std::string_view text) {
  Cursor cursor(text);
  cursor.skip_any("-+");
  if (cursor.skip_word("0b")) return cursor.skip_all("01_") > 0 && cursor.done();
  if (cursor.skip_word("0x")) {
    return cursor.skip_all("0123456789abcdefABCDEF_") > 0 && cursor.done();
  }
  if (cursor.skip('0')) {
    cursor.skip_all("01234567_");
    return cursor.done();
  }
  if (!is_digit(cursor.peek())) return false;
  cursor.skip_all(kDigits);
  if (cursor.peek() == ':' && !skip_sixtieths(cursor)) return false;
  return cursor.done();
}

void skip_zone(Cursor& cursor) {
  Cursor ahead = cursor;
  ahead.skip_all(" \t");
  if (ahead.skip('Z')) {
    cursor = ahead;
    return;
  }
  if (!ahead.skip_any("-+") || !ahead.skip_digits(1, 2)) return;
  cursor = ahead;
  if (ahead.skip(':') && ahead.skip_digits(2, 2)) cursor = ahead;
}

bool is_timestamp(std::string_view text) {
  Cursor cursor(text);
  const auto dash = [&cursor] { return cursor.skip('-'); };
  if (!cursor.skip_digits(4, 4) || !dash()) return false;
  Cursor date = cursor;
  if (date.skip_digits(2, 2) && date.skip('-') && date.skip_digits(2, 2) && date.done()) {
    return true;
  }
  if (!cursor.skip_digits(1, 2) || !dash() || !cursor.skip_digits(1, 2)) return false;
  if (!cursor.skip_any("Tt") && cursor.skip_all(" \t") == 0) return false;
  if (!cursor.skip_digits(1, 2) || !cursor.skip(':') || !cursor.skip_digits(2, 2)) return false;
  if (!cursor.skip(':') || !cursor.skip_digits(2, 2)) return false;
  if (cursor.skip('.')) cursor.skip_all("0123456789");
  skip_zone(cursor);
  return cursor.done();
}

// `text` is `word` in lower, Title or UPPER case.
bool is_cased(std::string_view text, std::string_view word) {
  if (text.size() != word.size()) return false;
  std::string title(word);
  std::string upper(word);
  title[0] = static_cast<char>(title[0] - 32);
  for (char& letter : upper) letter = static_cast<char>(letter - 32);
  return text == word || text == title || text == upper;
}

bool is_bool(std::string_view text) {
  if (text.size() < 2 || text.size() > 5) return false;
  for (const std::string_view word : {"yes", "no", "true", "false", "on", "off"}) {
    if (is_cased(text, word)) return true;
  }
  return false;
}

}  // namespace

std::string_view resolve_plain(std::string_view text) {
  if (text.empty() || text == "~" || is_cased(text, "null")) return "null";
  if (text == "<<") return "merge";
  if (text == "=") return "value";
  if (is_bool(text)) return "bool";
  if (is_digit(text[0]) || text[0] == '-' || text[0] == '+' || text[0] == '.') {
    if (is_float(text)) return "float";
    if (is_int(text)) return "int";
    if (is_timestamp(text)) return "timestamp";
  }
  return "str";
}

}  // namespace charter::worker
