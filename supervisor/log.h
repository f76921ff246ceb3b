// The supervisor's log: one line an entry on stderr, in the form operators know from the Python
// daemon ("2026-01-02 03:04:05,678 INFO charter_daemon: message"). Never blocks: when nobody reads
// stderr, lines are dropped and counted. Any thread.
#pragma once

#include <spdlog/fmt/fmt.h>

#include <string>
#include <string_view>
#include <utility>

namespace charter::supervisor::log {

enum class Level { debug, info, warning, error };

// `level`: debug, info, warning or error. Before this call only warnings and errors are written.
void setup(std::string_view level);
[[nodiscard]] bool enabled(Level level);
void write(Level level, std::string_view message);

// Text from outside in one log line: control characters become '?', and it ends somewhere.
[[nodiscard]] std::string one_line(std::string_view text);

template <class... Args>
void entry(Level level, fmt::format_string<Args...> form, Args&&... args) {
  if (enabled(level)) write(level, fmt::format(form, std::forward<Args>(args)...));
}

template <class... Args>
void debug(fmt::format_string<Args...> form, Args&&... args) {
  entry(Level::debug, form, std::forward<Args>(args)...);
}
template <class... Args>
void info(fmt::format_string<Args...> form, Args&&... args) {
  entry(Level::info, form, std::forward<Args>(args)...);
}
template <class... Args>
void warning(fmt::format_string<Args...> form, Args&&... args) {
  entry(Level::warning, form, std::forward<Args>(args)...);
}
template <class... Args>
void error(fmt::format_string<Args...> form, Args&&... args) {
  entry(Level::error, form, std::forward<Args>(args)...);
}

}  // namespace charter::supervisor::log
