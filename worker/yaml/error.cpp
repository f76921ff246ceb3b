#include "worker/yaml/error.h"

#include "worker/json/unicode.h"

namespace charter::worker {
namespace {

constexpr std::size_t kExcerpt = 75;  // code points of a line that an error shows
constexpr std::size_t kIndent = 4;

// The line's code points and the place of the marked one among them.
struct Line {
  std::u32string points;
  std::size_t marked = 0;
};

bool breaks_line(char32_t point) {
  return point == U'\n' || point == U'\r' || point == 0x85 || point == 0x2028 || point == 0x2029;
}

Line marked_line(std::string_view text, const YamlMark& mark) {
  Line line;
  std::size_t index = 0;
  for (std::size_t at = 0; at < text.size(); ++index) {
    const char32_t point = next_code_point(text, at);
    if (!breaks_line(point)) {
      line.points += point;
    } else if (index >= mark.index) {
      break;
    } else {
      line.points.clear();
    }
  }
  line.marked = mark.column < line.points.size() ? mark.column : line.points.size();
  return line;
}

// The line around the mark, cut where it is long, and a caret under the mark.
std::string excerpt(std::string_view text, const YamlMark& mark) {
  const Line line = marked_line(text, mark);
  constexpr std::size_t kHalf = kExcerpt / 2 - 1;
  constexpr std::string_view kCut = " ... ";
  std::size_t begin = 0;
  std::size_t end = line.points.size();
  std::string shown(kIndent, ' ');
  std::size_t caret = kIndent + line.marked;
  if (line.marked > kHalf) {
    begin = line.marked - (kHalf + 1) + kCut.size();
    shown += kCut;
    caret = kIndent + kCut.size() + line.marked - begin;
  }
  const bool cut = end - line.marked > kHalf;
  if (cut) end = line.marked + (kHalf + 1) - kCut.size();
  for (std::size_t at = begin; at < end; ++at) append_utf8(shown, line.points[at]);
  if (cut) shown += kCut;
  return shown + "\n" + std::string(caret, ' ') + "^";
}

std::string place(const YamlSource& source, const YamlMark& mark) {
  std::string text = "\n  in \"" + std::string(source.name) + "\", line " +
                     std::to_string(mark.line + 1) + ", column " + std::to_string(mark.column + 1);
  if (!source.text.empty()) text += ":\n" + excerpt(source.text, mark);
  return text;
}

}  // namespace

YamlError yaml_error(const YamlSource& source, std::string_view context,
                     const YamlMark* context_mark, std::string_view problem, const YamlMark& mark) {
  std::string text(context);
  if (context_mark != nullptr &&
      (context_mark->line != mark.line || context_mark->column != mark.column)) {
    text += place(source, *context_mark);
  }
  if (!text.empty()) text += "\n";
  return {YamlError::Kind::document, text.append(problem) + place(source, mark)};
}

}  // namespace charter::worker
