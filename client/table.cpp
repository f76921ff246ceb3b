#include "client/table.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

#include "client/text.h"

namespace charter::client {
namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kLeastColumn = 4;  // narrower than this a column says nothing

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value != nullptr && *value != '\0';
}

std::string_view escape_of(Tone tone) {
  switch (tone) {
    case Tone::good:
      return "\x1b[32m";
    case Tone::bad:
      return "\x1b[31m";
    case Tone::attention:
      return "\x1b[33m";
    case Tone::faint:
      return "\x1b[2m";
    case Tone::plain:
      break;
  }
  return {};
}

// Takes columns away until the row fits: from the widest elastic one first, then from any.
void shrink(std::vector<std::size_t>& widths, const std::vector<Column>& columns,
            std::size_t excess) {
  for (const bool elastic_only : {true, false}) {
    while (excess > 0) {
      std::size_t widest = widths.size();
      for (std::size_t i = 0; i < widths.size(); ++i) {
        if (elastic_only && !columns[i].elastic) continue;
        if (widths[i] <= kLeastColumn) continue;
        if (widest == widths.size() || widths[i] > widths[widest]) widest = i;
      }
      if (widest == widths.size()) break;
      --widths[widest];
      --excess;
    }
  }
}

}  // namespace

Screen standard_output() {
  Screen screen;
  if (::isatty(STDOUT_FILENO) == 0) return screen;
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) screen.width = size.ws_col;
  const char* terminal = std::getenv("TERM");
  const bool dumb = terminal == nullptr || std::string_view(terminal) == "dumb";
  screen.colour = !dumb && !is_set("NO_COLOR");
  return screen;
}

std::string toned(std::string_view text, Tone tone, const Screen& screen) {
  const std::string_view escape = screen.colour ? escape_of(tone) : std::string_view{};
  if (escape.empty() || text.empty()) return std::string(text);
  return std::string(escape) + std::string(text) + "\x1b[0m";
}

void Table::add(std::vector<Cell> row) {
  if (row.size() != columns_.size()) throw std::logic_error("a row of another table");
  for (Cell& cell : row) cell.text = printable(cell.text);
  rows_.push_back(std::move(row));
}

std::vector<std::size_t> Table::widths(const Screen& screen) const {
  std::vector<std::size_t> result;
  std::size_t total = kGap * (columns_.size() - 1);
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = columns_of(columns_[i].title);
    for (const auto& row : rows_) width = std::max(width, columns_of(row[i].text));
    result.push_back(width);
    total += width;
  }
  if (screen.width > 0 && total > screen.width) shrink(result, columns_, total - screen.width);
  return result;
}

std::string Table::render(const Screen& screen) const {
  const std::vector<std::size_t> width = widths(screen);
  std::string out;
  const auto append = [&](std::size_t i, std::string_view text, Tone tone) {
    const std::string shown = cut(text, width[i]);
    const std::string padding(width[i] - std::min(width[i], columns_of(shown)), ' ');
    if (i > 0) out.append(kGap, ' ');
    if (columns_[i].right) out += padding;
    out += toned(shown, tone, screen);
    if (!columns_[i].right) out += padding;
  };
  const auto end_line = [&out] {
    out.erase(out.find_last_not_of(' ') + 1);
    out += '\n';
  };
  for (std::size_t i = 0; i < columns_.size(); ++i) append(i, columns_[i].title, Tone::faint);
  end_line();
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) append(i, row[i].text, row[i].tone);
    end_line();
  }
  return out;
}

}  // namespace charter::client
