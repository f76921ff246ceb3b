#include "client/progress.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "client/text.h"
#include "client/times.h"

namespace charter::client {
namespace {

constexpr std::size_t kUnknownWidth = 80;
constexpr std::size_t kLeastWidth = 10;  // narrower than this a line says nothing

volatile std::sig_atomic_t line_stands = 0;

bool can_move_its_cursor() {
  const char* terminal = std::getenv("TERM");
  return terminal != nullptr && *terminal != '\0' && std::string_view(terminal) != "dumb";
}

// In the background of a shell another program has the terminal.
bool in_front() {
  const pid_t foreground = ::tcgetpgrp(STDERR_FILENO);
  return foreground < 0 || foreground == ::getpgrp();
}

std::size_t width_now() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return kUnknownWidth;
  return size.ws_col;
}

void put(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

bool over(const StepView& step) { return step.state == "completed" || step.state == "skipped"; }

// Behind the run's last event no step is one that may still come.
bool is_over(const StepList& list) {
  return !list.steps().empty() && std::ranges::none_of(list.steps(), [](const StepView& step) {
    return step.state == "pending";
  });
}

std::string count_of(const StepList& list) {
  const auto done = std::ranges::count_if(list.steps(), over);
  std::string text = std::to_string(done);
  if (list.planned()) text += "/" + std::to_string(list.steps().size());
  return text;
}

// What is said of a step that moves.
std::string standing_of(const StepView& step) {
  if (step.state == "waiting") return step.type == "gate" ? "waits for approval" : "waits";
  const bool again = step.attempts.value_or(0) > 1;
  if (step.state == "retrying") return "attempt " + attempts_text(step) + " soon";
  if (step.state == "running") return again ? "attempt " + attempts_text(step) : "";
  return step.state;
}

}  // namespace

std::string progress_text(const StepList& list, const Screen& screen, std::int64_t now_ms) {
  if (screen.width < kLeastWidth) return {};
  const std::size_t width = screen.width - 1;
  const StepView* step = list.current();
  std::string head = count_of(list) + "  ";
  if (step == nullptr) return cut(head + (is_over(list) ? "over" : "waits to begin"), width);
  std::string tail;
  if (const std::string how = standing_of(*step); !how.empty()) tail += "  " + how;
  if (const auto elapsed = elapsed_ms(*step, now_ms)) tail += "  " + duration_text(*elapsed);
  // The name gives way first, but not altogether.
  const std::size_t rest = columns_of(head) + columns_of(tail);
  const std::size_t room = std::max<std::size_t>(4, width - std::min(width, rest));
  const std::string name = cut(printable(step->id), room);
  const std::string plain = cut(head + name + tail, width);
  if (!plain.ends_with(tail)) return plain;
  return plain.substr(0, plain.size() - tail.size()) +
         toned(tail, tone_of_step(step->state), screen);
}

std::string erase_text(std::size_t columns, std::size_t width) {
  std::string text = "\r";
  const std::size_t rows = width == 0 ? 1 : (columns + width - 1) / width;
  for (std::size_t row = 1; row < rows; ++row) text += "\x1b[A";
  return text + "\x1b[J";
}

ProgressLine::ProgressLine(bool wanted)
    : possible_(wanted && ::isatty(STDOUT_FILENO) != 0 && ::isatty(STDERR_FILENO) != 0 &&
                can_move_its_cursor()) {}

void ProgressLine::draw(const StepList& list) {
  if (!possible_) return;
  if (!in_front()) return clear();
  Screen screen = standard_output();
  screen.width = width_now();
  const std::int64_t now = wall_ms();
  const std::string text = progress_text(list, screen, now);
  const std::string before = drawn() ? erase_text(columns_, screen.width) : std::string();
  columns_ = columns_of(progress_text(list, {screen.width, false}, now));
  line_stands = columns_ > 0 ? 1 : 0;
  put(before + text);
}

void ProgressLine::clear() {
  if (!drawn()) return;
  put(erase_text(columns_, width_now()));
  columns_ = 0;
  line_stands = 0;
}

void erase_progress_at_once() {
  if (line_stands == 0) return;
  constexpr std::string_view kErase = "\r\x1b[J";
  (void)!::write(STDERR_FILENO, kErase.data(), kErase.size());
}

}  // namespace charter::client
