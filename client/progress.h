// The line at the foot of a terminal that says how a followed run stands, drawn anew as time
// passes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "client/step_list.h"
#include "client/table.h"

namespace charter::client {

// How often it is drawn while nothing else happens.
inline constexpr std::int64_t kProgressMs = 200;

// "2/4  build  attempt 2 of 3  12.4 s", at most `screen.width - 1` columns of it: a terminal that
// has its last column written to may begin another line. `now_ms` is the wall clock's.
[[nodiscard]] std::string progress_text(const StepList& list, const Screen& screen,
                                        std::int64_t now_ms);

// What takes a line of `columns` columns off a terminal that is `width` wide now: it may have
// become narrower and have wrapped it. The cursor stands at the end of the line.
[[nodiscard]] std::string erase_text(std::size_t columns, std::size_t width);

class ProgressLine {
 public:
  // Nothing is ever drawn unless `wanted`, and unless both standard output and standard error are
  // terminals that can move their cursor: lines of events stand above it.
  explicit ProgressLine(bool wanted);
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  [[nodiscard]] bool drawn() const { return columns_ > 0; }
  [[nodiscard]] bool possible() const { return possible_; }
  void draw(const StepList& list);
  // To be called before anything else is written to the terminal.
  void clear();

 private:
  bool possible_ = false;
  std::size_t columns_ = 0;
};

// From a signal's handler: takes a line away that stands there.
void erase_progress_at_once();

}  // namespace charter::client
