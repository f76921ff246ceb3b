#include "supervisor/log.h"

#include <fcntl.h>
#include <poll.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <mutex>
#include <string>

#include "ipc/json_scan.h"
#include "ipc/unique_fd.h"
#include "supervisor/log_output.h"

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

// A file that is renamed when it has become long: FILE to FILE.1, that to FILE.2, and so on.
class LogFile final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  LogFile(std::string path, std::uint64_t max_bytes, int keep)
      : path_(std::move(path)), max_bytes_(max_bytes), keep_(keep) {}

  ipc::Result<void> open() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return open_file();
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    if (max_bytes_ > 0 && size_ > 0 && size_ + line.size() > max_bytes_) rotate();
    const auto written = ::write(file_.get(), line.data(), line.size());
    if (written > 0) size_ += static_cast<std::uint64_t>(written);
  }
  void flush_() override {}

 private:
  ipc::Result<void> open_file() {
    constexpr int kFlags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY;
    ipc::UniqueFd file(::open(path_.c_str(), kFlags | O_NONBLOCK, 0600));
    if (!file) return ipc::errno_error("open the log file " + path_);
    struct stat found {};
    if (::fstat(file.get(), &found) != 0 || !S_ISREG(found.st_mode)) {
      return ipc::plain_error("The log file " + path_ + " is not a regular file");
    }
    size_ = static_cast<std::uint64_t>(found.st_size);
    file_ = std::move(file);
    return {};
  }

  // Where renaming fails the file goes on to grow; nothing is lost.
  void rotate() {
    const auto name = [this](int number) { return path_ + "." + std::to_string(number); };
    if (keep_ == 0) {
      ::unlink(path_.c_str());
    } else {
      for (int number = keep_ - 1; number > 0; --number) {
        ::rename(name(number).c_str(), name(number + 1).c_str());
      }
      ::rename(path_.c_str(), name(1).c_str());
    }
    (void)open_file();
  }

  std::string path_;
  std::uint64_t max_bytes_;
  int keep_;
  ipc::UniqueFd file_;
  std::uint64_t size_ = 0;
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

// %@ in the pattern: the message as a JSON string.
class QuotedMessage final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const std::string text = ipc::quoted({message.payload.data(), message.payload.size()});
    out.append(text.data(), text.data() + text.size());
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return spdlog::details::make_unique<QuotedMessage>();
  }
};

// %# in the pattern: the priority as sd-daemon(3) has it.
class Priority final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const char digit = message.level == spdlog::level::debug  ? '7'
                       : message.level == spdlog::level::info ? '6'
                       : message.level == spdlog::level::warn ? '4'
                                                              : '3';
    out.push_back('<');
    out.push_back(digit);
    out.push_back('>');
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return spdlog::details::make_unique<Priority>();
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

std::unique_ptr<spdlog::formatter> formatter_of(std::string_view format) {
  auto formatter = format == "json"
                       ? std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc)
                       : std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<LevelName>('*').add_flag<QuotedMessage>('@').add_flag<Priority>('#');
  if (format == "json") {
    formatter->set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%*","message":%@})");
  } else if (format == "journald") {
    formatter->set_pattern("%#%v");  // the journal has the time itself
  } else {
    formatter->set_pattern("%Y-%m-%d %H:%M:%S,%e %* %n: %v");
  }
  return formatter;
}

std::unique_ptr<spdlog::logger> make_logger() {
  auto made = std::make_unique<spdlog::logger>("charter_daemon", std::make_shared<PatientStderr>());
  made->set_formatter(formatter_of("text"));
  made->set_level(spdlog::level::warn);
  return made;
}

spdlog::logger& logger() {
  static const std::unique_ptr<spdlog::logger> made = make_logger();
  return *made;
}

// Null while it goes to stderr.
std::shared_ptr<LogFile>& log_file() {
  static std::shared_ptr<LogFile> file;
  return file;
}

}  // namespace

ipc::Result<void> write_to(const Output& output) {
  if (!output.file.empty()) {
    auto file = std::make_shared<LogFile>(output.file, output.max_bytes, output.keep);
    if (auto opened = file->open(); !opened) return opened;
    log_file() = file;
    logger().sinks() = {file};
  }
  logger().set_formatter(formatter_of(output.format));
  return {};
}

void setup(std::string_view level) {
  Level chosen = Level::info;
  if (level == "debug") chosen = Level::debug;
  if (level == "warning") chosen = Level::warning;
  if (level == "error") chosen = Level::error;
  logger().set_level(native(chosen));
}

ipc::Result<void> reopen() {
  if (log_file() == nullptr) return {};
  return log_file()->open();
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
