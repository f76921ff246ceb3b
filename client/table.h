// Tables for people: columns aligned; on a terminal fitted to its width and coloured, elsewhere
// plain and whole, so that nothing a script reads is cut off.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace charter::client {

enum class Tone { plain, good, bad, attention, faint };

// What a text is printed on.
struct Screen {
  std::size_t width = 0;  // 0: no limit
  bool colour = false;
};
// Standard output's: a terminal has its width, and colour unless NO_COLOR is set or it is dumb.
[[nodiscard]] Screen standard_output();

[[nodiscard]] std::string toned(std::string_view text, Tone tone, const Screen& screen);

struct Cell {
  std::string text;  // made printable by the table
  Tone tone = Tone::plain;
};

struct Column {
  std::string_view title;
  bool right = false;    // numbers
  bool elastic = false;  // gives way first when the screen is narrow
  bool whole = false;    // is cut only when nothing else can give way: what is copied from it
  int leaves = 0;        // left out on a screen too narrow for it, 1 first; 0: never
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // As many cells as there are columns.
  void add(std::vector<Cell> row);
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  [[nodiscard]] std::string render(const Screen& screen) const;

 private:
  [[nodiscard]] std::vector<std::size_t> widths(const Screen& screen) const;
  std::vector<Column> columns_;
  std::vector<std::vector<Cell>> rows_;
};

}  // namespace charter::client
