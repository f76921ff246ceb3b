#include "worker/yaml/words.h"

#include <algorithm>
#include <array>

#include "worker/json/python.h"
#include "worker/json/unicode.h"

namespace charter::worker {
namespace {

// What PyYAML puts behind its words.
enum class Found { nothing, character, token };

struct Wording {
  std::string_view libyaml;
  std::string_view pyyaml;
  Found found = Found::nothing;
};

constexpr std::array kWordings{
    Wording{"block sequence entries are not allowed in this context",
            "sequence entries are not allowed here"},
    Wording{"mapping keys are not allowed in this context", "mapping keys are not allowed here"},
    Wording{"mapping values are not allowed in this context",
            "mapping values are not allowed here"},
    Wording{"found incompatible YAML document",
            "found incompatible YAML document (version 1.* is required)"},
    Wording{"found duplicate %YAML directive", "found duplicate YAML directive"},
    Wording{"found unexpected document indicator", "found unexpected document separator"},
    Wording{"found an indentation indicator equal to 0",
            "expected indentation indicator in the range 1-9, but found 0"},
    Wording{"did not find expected alphabetic or numeric character",
            "expected alphabetic or numeric character, but found ", Found::character},
    Wording{"did not find expected comment or line break",
            "expected a comment or a line break, but found ", Found::character},
    Wording{"did not find expected digit or '.' character", "expected a digit or '.', but found ",
            Found::character},
    Wording{"did not find expected whitespace or line break", "expected ' ', but found ",
            Found::character},
    Wording{"did not find expected whitespace", "expected ' ', but found ", Found::character},
    Wording{"did not find the expected '>'", "expected '>', but found ", Found::character},
    Wording{"did not find expected '!'", "expected '!', but found ", Found::character},
    Wording{"did not find expected tag URI", "expected URI, but found ", Found::character},
    Wording{"did not find expected node content", "expected the node content, but found ",
            Found::token},
    Wording{"did not find expected '-' indicator", "expected <block end>, but found ",
            Found::token},
    Wording{"did not find expected key", "expected <block end>, but found ", Found::token},
    Wording{"did not find expected ',' or ']'", "expected ',' or ']', but got ", Found::token},
    Wording{"did not find expected ',' or '}'", "expected ',' or '}', but got ", Found::token},
    Wording{"did not find expected <document start>", "expected '<document start>', but found ",
            Found::token},
};

bool breaks_line(char32_t point) {
  return point == U'\n' || point == U'\r' || point == 0x85 || point == 0x2028 || point == 0x2029;
}

std::string_view from(std::string_view text, const YamlMark& mark) {
  std::size_t at = 0;
  for (std::size_t index = 0; index < mark.index && at < text.size(); ++index) {
    (void)next_code_point(text, at);
  }
  return text.substr(at);
}

std::string character_at(std::string_view rest) {
  if (rest.empty()) return repr(std::string_view("\0", 1));
  std::size_t end = 0;
  (void)next_code_point(rest, end);
  return repr(rest.substr(0, end));
}

// An indicator that only counts with a space behind it.
bool alone(std::string_view rest, std::size_t length) {
  return rest.size() <= length ||
         std::string_view(" \t\r\n").find(rest[length]) != std::string_view::npos;
}

// Whether the scalar that begins here is followed by a colon on its line, which makes it a key.
bool is_key(std::string_view rest, bool flow) {
  std::string_view line = rest.substr(0, rest.find_first_of("\r\n"));
  if (line.front() == '\'' || line.front() == '"') {
    const std::size_t end = line.find(line.front(), 1);
    if (end == std::string_view::npos) return false;
    line.remove_prefix(std::min(line.find_first_not_of(' ', end + 1), line.size()));
    return !line.empty() && line.front() == ':';
  }
  line = line.substr(0, line.find(" #"));
  for (std::size_t at = 0; at < line.size(); ++at) {
    if (line[at] == ':' && alone(line, at + 1)) return true;
    if (flow && std::string_view(",[]{}").find(line[at]) != std::string_view::npos) return false;
  }
  return false;
}

// Cut behind its last token, comments being none.
std::string_view without_comments(std::string_view text) {
  while (true) {
    text = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
    const std::size_t begin = text.find_last_of("\r\n") + 1;
    const std::string_view line = text.substr(begin);
    const std::size_t comment = line.starts_with('#') ? 0 : line.find(" #");
    if (comment == std::string_view::npos) return text;
    text = text.substr(0, begin + comment);
  }
}

// What PyYAML's scanner makes of what stands at the mark.
class Token {
 public:
  Token(const YamlComplaint& said, std::string_view text, std::string_view rest)
      : rest_(rest),
        before_(text.substr(0, text.size() - rest.size())),
        mark_(said.mark),
        flow_(said.context.find("flow") != std::string::npos),
        opens_(said.context.empty() || (!flow_ && said.mark.column > said.context_mark.column)) {}

  [[nodiscard]] std::string_view name() const {
    if (rest_.empty()) return "<stream end>";
    if (mark_.column == 0 && rest_.starts_with("---") && alone(rest_, 3)) return "<document start>";
    if (mark_.column == 0 && rest_.starts_with("...") && alone(rest_, 3)) return "<document end>";
    const char first = rest_.front();
    if (is(",]}")) return rest_.substr(0, 1);
    if (first == '-' && alone(rest_, 1)) return opens_ ? "<block sequence start>" : "-";
    if ((first == '?' || first == ':') && (flow_ || alone(rest_, 1))) {
      return opens_ ? "<block mapping start>" : rest_.substr(0, 1);
    }
    if (key_may_begin() && is_key(rest_, flow_)) return opens_ ? "<block mapping start>" : "?";
    return content();
  }

 private:
  [[nodiscard]] bool is(std::string_view any) const {
    return any.find(rest_.front()) != std::string_view::npos;
  }
  // A key begins its line, but not one below a directive; in a flow collection lines do not count.
  [[nodiscard]] bool key_may_begin() const {
    if (is("[{")) return false;
    if (flow_) {
      const std::string_view before = without_comments(before_);
      return before.empty() ||
             std::string_view(",[{").find(before.back()) != std::string_view::npos;
    }
    const std::size_t last = before_.find_last_not_of(' ');
    if (last == std::string_view::npos) return true;
    if (std::string_view("\r\n").find(before_[last]) == std::string_view::npos) return false;
    const std::string_view above = before_.substr(0, last);
    return !above.substr(above.find_last_of("\r\n") + 1).starts_with('%');
  }
  [[nodiscard]] std::string_view content() const {
    if (is("[{")) return rest_.substr(0, 1);
    if (is("*")) return "<alias>";
    if (is("&")) return "<anchor>";
    if (is("!")) return "<tag>";
    return is("%") && mark_.column == 0 ? "<directive>" : "<scalar>";
  }

  std::string_view rest_;
  std::string_view before_;
  YamlMark mark_;
  bool flow_;
  bool opens_;  // further in than what is being read, so that a collection begins here
};

// libyaml ends a last line that is not ended; PyYAML's marks stay on it.
void keep_inside(std::string_view text, YamlMark& mark) {
  YamlMark last;
  bool broken = true;
  for (std::size_t at = 0; at < text.size(); ++last.index) {
    const std::size_t begin = at;
    broken = breaks_line(next_code_point(text, at));
    if (text.substr(begin).starts_with("\r\n")) ++at, ++last.index;
    last.column = broken ? 0 : last.column + 1;
    if (broken) ++last.line;
  }
  if (!broken && mark.line > last.line) mark = last;
}

// libyaml marks the backslash, PyYAML what follows.
YamlComplaint about_escape(YamlComplaint said, std::string_view text) {
  said.context = "while scanning a double-quoted scalar";
  ++said.mark.index;
  ++said.mark.column;
  said.problem = "found unknown escape character " + character_at(from(text, said.mark));
  return said;
}

// The mark stands behind the letter that says how many digits there are.
YamlComplaint about_digits(YamlComplaint said, std::string_view text) {
  std::string_view rest = from(text, said.mark);
  const char letter = rest.empty() ? 'x' : text[text.size() - rest.size() - 1];
  const std::size_t length = letter == 'x' ? 2 : letter == 'u' ? 4 : 8;
  const std::size_t digits = rest.find_first_not_of("0123456789abcdefABCDEF");
  rest.remove_prefix(std::min(digits, rest.size()));
  said.context = "while scanning a double-quoted scalar";
  said.problem = "expected escape sequence of " + std::to_string(length) +
                 " hexadecimal numbers, but found " + character_at(rest);
  return said;
}

}  // namespace

YamlComplaint in_pyyaml_words(YamlComplaint said, std::string_view text) {
  keep_inside(text, said.context_mark);
  keep_inside(text, said.mark);
  if (said.problem == "found unknown escape character") return about_escape(said, text);
  if (said.problem == "did not find expected hexdecimal number") return about_digits(said, text);
  const std::string_view rest = from(text, said.mark);
  if (said.problem == "found a tab character that violates indentation") {
    // PyYAML takes the plain scalar for ended by it.
    said.context = "while scanning for the next token";
    said.context_mark = said.mark;
    said.problem = "found character that cannot start any token";
  }
  if (said.problem == "found character that cannot start any token") {
    said.problem = "found character " + character_at(rest) + " that cannot start any token";
    return said;
  }
  const auto* wording =
      std::find_if(kWordings.begin(), kWordings.end(),
                   [&said](const Wording& each) { return each.libyaml == said.problem; });
  if (wording == kWordings.end()) return said;
  said.problem = wording->pyyaml;
  if (wording->found == Found::character) said.problem += character_at(rest);
  if (wording->found == Found::token) said.problem += repr(Token(said, text, rest).name());
  return said;
}

std::size_t position_of(std::string_view text, std::size_t offset) {
  std::size_t position = 0;
  for (std::size_t at = 0; at < std::min(offset, text.size()); ++position) {
    (void)next_code_point(text, at);
  }
  return position;
}

}  // namespace charter::worker
