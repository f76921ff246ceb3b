#include "ipc/json_scan.h"

#include <cstring>

#include "ipc/json_text.h"
#include "ipc/utf8.h"

namespace charter::ipc {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

bool is_digit(char c) { return c >= '0' && c <= '9'; }

char closing(char open) { return open == '{' ? '}' : ']'; }

// Walks over a text once. Every step returns whether the text is right so far; after a false,
// error() says what was wrong and where.
class Scanner {
 public:
  Scanner(std::string_view text, const JsonLimits& limits) : text_(text), limits_(limits) {
    if (limits.python_extras && text.starts_with(kByteOrderMark)) at_ = kByteOrderMark.size();
  }

  [[nodiscard]] std::size_t at() const { return at_; }
  [[nodiscard]] std::string_view since(std::size_t begin) const {
    return text_.substr(begin, at_ - begin);
  }
  [[nodiscard]] Error error() const {
    return plain_error("not JSON: " + reason_ + " at byte " + std::to_string(failed_at_));
  }

  bool fits() {
    if (text_.size() <= limits_.max_bytes) return true;
    reason_ = "more than " + std::to_string(limits_.max_bytes) + " bytes";
    failed_at_ = limits_.max_bytes;
    return false;
  }
  void skip_space() {
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
      ++at_;
    }
  }
  // The character here; NUL at the end of the text (a NUL in the text is nowhere right either).
  [[nodiscard]] char here() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool accept(char c) {
    if (here() != c || at_ >= text_.size()) return false;
    ++at_;
    return true;
  }
  bool fail(std::string reason) {
    reason_ = at_ >= text_.size() ? "the text ends too early" : std::move(reason);
    failed_at_ = at_;
    return false;
  }

  bool end() {
    skip_space();
    return at_ == text_.size() || fail("something follows the value");
  }
  bool value(std::size_t depth);
  bool string();
  bool member_name();

 private:
  bool opened(std::vector<char>& open, std::size_t depth, bool& complete);
  bool closed(std::vector<char>& open, bool& another);
  bool scalar();
  bool number();
  bool digits();
  bool literal(std::string_view word);
  bool escape();

  std::string_view text_;
  const JsonLimits& limits_;
  std::size_t at_ = 0;
  std::string reason_;
  std::size_t failed_at_ = 0;
};

// One value of any kind, inside `depth` containers. Open brackets are kept in a list, never on
// the stack: the text decides how many there are.
bool Scanner::value(std::size_t depth) {
  std::vector<char> open;
  for (;;) {
    skip_space();
    bool complete = true;
    if (here() == '{' || here() == '[') {
      if (!opened(open, depth, complete)) return false;
    } else if (!scalar()) {
      return false;
    }
    if (!complete) continue;
    bool another = false;
    if (!closed(open, another)) return false;
    if (!another) return true;
  }
}

// Behind an opening bracket: at the first element's value, or behind the closing bracket, in
// which case the container is complete.
bool Scanner::opened(std::vector<char>& open, std::size_t depth, bool& complete) {
  if (depth + open.size() >= limits_.max_depth) {
    return fail("nested more than " + std::to_string(limits_.max_depth) + " deep");
  }
  const char bracket = here();
  ++at_;
  skip_space();
  complete = accept(closing(bracket));
  if (complete) return true;
  open.push_back(bracket);
  return bracket == '[' || member_name();
}

// Behind a complete value: leaves the containers that end here. `another` says that a further
// value follows in one that does not.
bool Scanner::closed(std::vector<char>& open, bool& another) {
  another = false;
  while (!open.empty()) {
    skip_space();
    if (accept(',')) {
      another = true;
      skip_space();
      return open.back() == '[' || member_name();
    }
    if (!accept(closing(open.back()))) return fail("expected a comma or a closing bracket");
    open.pop_back();
  }
  return true;
}

bool Scanner::member_name() {
  if (here() != '"') return fail("expected a member's name");
  if (!string()) return false;
  skip_space();
  return accept(':') || fail("expected a colon");
}

bool Scanner::scalar() {
  const char c = here();
  if (c == '"') return string();
  if (c == 't') return literal("true");
  if (c == 'f') return literal("false");
  if (c == 'n') return literal("null");
  if (limits_.python_extras) {
    if (c == 'N') return literal("NaN");
    if (c == 'I') return literal("Infinity");
    if (text_.substr(at_).starts_with("-I")) return literal("-Infinity");
  }
  if (c == '-' || is_digit(c)) return number();
  return fail("expected a value");
}

bool Scanner::literal(std::string_view word) {
  if (!text_.substr(at_).starts_with(word)) return fail("expected a value");
  at_ += word.size();
  return true;
}

bool Scanner::digits() {
  if (!is_digit(here())) return fail("expected a digit");
  while (is_digit(here())) ++at_;
  return true;
}

bool Scanner::number() {
  (void)accept('-');
  if (!accept('0') && !digits()) return false;
  if (accept('.') && !digits()) return false;
  if (accept('e') || accept('E')) {
    if (!accept('+')) (void)accept('-');
    return digits();
  }
  return true;
}

bool Scanner::escape() {
  ++at_;  // the backslash
  const char c = here();
  if (c == 'u') {
    for (int digit = 0; digit < 4; ++digit) {
      ++at_;
      if (hex_digit(here()) < 0) return fail("expected a hexadecimal digit");
    }
  } else if (c == '\0' || std::strchr("\"\\/bfnrt", c) == nullptr) {
    return fail("unknown escape");
  }
  ++at_;
  return true;
}

bool Scanner::string() {
  ++at_;  // the quote
  for (;;) {
    at_ += plain_length(text_.substr(at_));
    if (at_ >= text_.size()) return fail("");
    const char c = text_[at_];
    if (c == '"') {
      ++at_;
      return true;
    }
    if (c == '\\') {
      if (!escape()) return false;
      continue;
    }
    if (static_cast<unsigned char>(c) < 0x20) return fail("control character in a string");
    const Utf8Sequence sequence = utf8_sequence(text_.substr(at_));
    if (!sequence.valid) return fail("invalid UTF-8");
    at_ += sequence.length;
  }
}

JsonKind kind_of(std::string_view raw) {
  switch (raw.front()) {
    case '{':
      return JsonKind::object;
    case '[':
      return JsonKind::array;
    case '"':
      return JsonKind::string;
    case 't':
    case 'f':
      return JsonKind::boolean;
    case 'n':
      return JsonKind::null;
    default:
      return JsonKind::number;
  }
}

// The elements between the brackets of the container that begins with `bracket`.
Result<std::vector<JsonMember>> scan(std::string_view text, const JsonLimits& limits,
                                     char bracket) {
  Scanner scanner(text, limits);
  if (!scanner.fits()) return scanner.error();
  scanner.skip_space();
  if (limits.max_depth == 0 || !scanner.accept(bracket)) {
    scanner.fail(bracket == '{' ? "expected an object" : "expected an array");
    return scanner.error();
  }
  std::vector<JsonMember> members;
  scanner.skip_space();
  bool more = !scanner.accept(closing(bracket));
  while (more) {
    JsonMember member;
    scanner.skip_space();
    if (members.size() >= limits.max_members) {
      scanner.fail("more than " + std::to_string(limits.max_members) + " members");
      return scanner.error();
    }
    if (bracket == '{') {
      const std::size_t name = scanner.at();
      if (!scanner.member_name()) return scanner.error();
      member.key =
          decoded_string(scanner.since(name).substr(0, scanner.since(name).rfind('"') + 1));
      scanner.skip_space();
    }
    const std::size_t begin = scanner.at();
    if (!scanner.value(1)) return scanner.error();
    member.raw = scanner.since(begin);
    member.kind = kind_of(member.raw);
    members.push_back(std::move(member));
    scanner.skip_space();
    more = scanner.accept(',');
    if (!more && !scanner.accept(closing(bracket))) {
      scanner.fail("expected a comma or a closing bracket");
      return scanner.error();
    }
  }
  if (!scanner.end()) return scanner.error();
  return members;
}

}  // namespace

Result<std::vector<JsonMember>> scan_object(std::string_view text, const JsonLimits& limits) {
  return scan(text, limits, '{');
}

Result<std::vector<JsonMember>> scan_array(std::string_view text, const JsonLimits& limits) {
  return scan(text, limits, '[');
}

Result<JsonKind> check_json(std::string_view text, const JsonLimits& limits) {
  Scanner scanner(text, limits);
  if (!scanner.fits()) return scanner.error();
  scanner.skip_space();
  const std::size_t begin = scanner.at();
  if (!scanner.value(0)) return scanner.error();
  const JsonKind kind = kind_of(scanner.since(begin));
  if (!scanner.end()) return scanner.error();
  return kind;
}

const JsonMember* find(const std::vector<JsonMember>& members, std::string_view key) {
  for (auto member = members.rbegin(); member != members.rend(); ++member) {
    if (member->key == key) return &*member;
  }
  return nullptr;
}

std::optional<std::string> json_string(std::string_view raw) {
  const JsonLimits limits;
  Scanner scanner(raw, limits);
  if (scanner.here() != '"' || !scanner.string() || scanner.at() != raw.size()) {
    return std::nullopt;
  }
  return decoded_string(raw);
}

}  // namespace charter::ipc
