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
constexpr std::size_t kReadableColumn = 8;

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

// What a row takes; a column without a width is left out of it.
std::size_t row_of(const std::vector<std::size_t>& widths) {
  std::size_t total = 0;
  for (const std::size_t width : widths) {
    if (width > 0) total += (total > 0 ? kGap : 0) + width;
  }
  return total;
}

// Leaves columns out until the row fits with its elastic ones cut to what can be read.
void leave_out(std::vector<std::size_t>& widths, const std::vector<Column>& columns,
               std::size_t room) {
  const auto last = std::ranges::max(columns, {}, &Column::leaves).leaves;
  for (int turn = 1; turn <= last; ++turn) {
    std::vector<std::size_t> cut = widths;
    for (std::size_t i = 0; i < cut.size(); ++i) {
      if (columns[i].elastic) cut[i] = std::min(cut[i], kReadableColumn);
    }
    if (row_of(cut) <= room) return;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].leaves == turn) widths[i] = 0;
    }
  }
}

// Takes columns away until the row fits: from the widest elastic one first, then from any that need
// not be whole, then from those.
void shrink(std::vector<std::size_t>& widths, const std::vector<Column>& columns,
            std::size_t excess) {
  const auto gives_way = [](const Column& column, int turn) {
    return turn == 0 ? column.elastic : turn == 2 || !column.whole;
  };
  for (int turn = 0; turn < 3; ++turn) {
    while (excess > 0) {
      std::size_t widest = widths.size();
      for (std::size_t i = 0; i < widths.size(); ++i) {
        if (!gives_way(columns[i], turn) || widths[i] <= kLeastColumn) continue;
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
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = columns_of(columns_[i].title);
    for (const auto& row : rows_) width = std::max(width, columns_of(row[i].text));
    result.push_back(width);
  }
  if (screen.width == 0 || row_of(result) <= screen.width) return result;
  leave_out(result, columns_, screen.width);
  const std::size_t total = row_of(result);
  if (total > screen.width) shrink(result, columns_, total - screen.width);
  return result;
}

std::string Table::render(const Screen& screen) const {
  const std::vector<std::size_t> width = widths(screen);
  std::string out;
  const auto append = [&](std::size_t i, std::string_view text, Tone tone) {
    if (width[i] == 0) return;
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
