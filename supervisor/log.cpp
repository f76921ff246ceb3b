#include "supervisor/log.h"

#include <poll.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <memory>
#include <mutex>
#include <string>

namespace charter::supervisor::log {
namespace {

// Writes to stderr if that would not block: a pipe that polls writable takes at least PIPE_BUF
// bytes at once.
class PatientStderr final : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    if (!writable()) {
      ++dropped_;
      return;
    }
    if (dropped_ > 0) {
      const std::string note = fmt::format("({} lines dropped: nobody read them)\n", dropped_);
      dropped_ = 0;
      put(note);
      if (!writable()) {
        ++dropped_;
        return;
      }
    }
    put(std::string_view(line.data(), line.size()));
  }
  void flush_() override {}

 private:
  static bool writable() {
    pollfd descriptor{STDERR_FILENO, POLLOUT, 0};
    return ::poll(&descriptor, 1, 0) == 1 && (descriptor.revents & POLLOUT) != 0;
  }
  static void put(std::string_view text) {
    // A line longer than PIPE_BUF could block a pipe in its middle.
    constexpr std::size_t kAtOnce = 4096;
    if (text.size() > kAtOnce) text = text.substr(0, kAtOnce);
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
    if (text.back() != '\n') {
      [[maybe_unused]] const auto end = ::write(STDERR_FILENO, "\n", 1);
    }
  }
  std::size_t dropped_ = 0;
};

// %* in the pattern: the level's name as Python's logging has it.
class LevelName final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const std::string_view name = name_of(message.level);
    out.append(name.data(), name.data() + name.size());
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return spdlog::details::make_unique<LevelName>();
  }

 private:
  static std::string_view name_of(spdlog::level::level_enum level) {
    switch (level) {
      case spdlog::level::debug:
        return "DEBUG";
      case spdlog::level::info:
        return "INFO";
      case spdlog::level::warn:
        return "WARNING";
      default:
        return "ERROR";
    }
  }
};

spdlog::level::level_enum native(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      break;
  }
  return spdlog::level::err;
}

std::unique_ptr<spdlog::logger> make_logger() {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<LevelName>('*').set_pattern("%Y-%m-%d %H:%M:%S,%e %* %n: %v");
  auto made = std::make_unique<spdlog::logger>("charter_daemon", std::make_shared<PatientStderr>());
  made->set_formatter(std::move(formatter));
  made->set_level(spdlog::level::warn);
  return made;
}

spdlog::logger& logger() {
  static const std::unique_ptr<spdlog::logger> made = make_logger();
  return *made;
}

}  // namespace

void setup(std::string_view level) {
  Level chosen = Level::info;
  if (level == "debug") chosen = Level::debug;
  if (level == "warning") chosen = Level::warning;
  if (level == "error") chosen = Level::error;
  logger().set_level(native(chosen));
}

std::string one_line(std::string_view text) {
  constexpr std::size_t kLongest = 300;
  std::string line(text.substr(0, kLongest));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  if (text.size() > kLongest) line += "...";
  return line;
}

bool enabled(Level level) { return logger().should_log(native(level)); }

void write(Level level, std::string_view message) {
  logger().log(native(level), spdlog::string_view_t(message.data(), message.size()));
}

}  // namespace charter::supervisor::log
