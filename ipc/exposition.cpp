#include "ipc/exposition.h"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>

namespace charter::ipc {
namespace {

void append_number(std::string& text, double value) {
  if (std::isinf(value)) {
    text += value > 0 ? "+Inf" : "-Inf";
    return;
  }
  std::array<char, 32> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  text.append(digits.data(), end);
}

void append_escaped(std::string& text, std::string_view value, bool quotes) {
  for (const char c : value) {
    if (c == '\\') {
      text += "\\\\";
    } else if (c == '\n') {
      text += "\\n";
    } else if (c == '"' && quotes) {
      text += "\\\"";
    } else {
      text += c;
    }
  }
}

// The fields of /proc/self/stat behind the name in brackets, from the third on.
struct Stat {
  double cpu_seconds = 0;
  double start_ticks = 0;
  double virtual_bytes = 0;
  double resident_pages = 0;
  bool known = false;
};

Stat read_stat() {
  std::ifstream file("/proc/self/stat");
  std::string text;
  std::getline(file, text);
  const auto bracket = text.rfind(')');
  if (bracket == std::string::npos) return {};
  std::array<double, 22> fields{};  // [0] is the third field, the state, which is no number
  const char* at = text.c_str() + bracket + 1;
  while (*at == ' ') ++at;
  if (*at != '\0') ++at;
  for (std::size_t i = 1; i < fields.size(); ++i) {
    char* end = nullptr;
    fields[i] = std::strtod(at, &end);
    if (end == at) return {};
    at = end;
  }
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  return {(fields[11] + fields[12]) / ticks, fields[19] / ticks, fields[20], fields[21], true};
}

// When the machine was started, in seconds since the epoch.
double boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return std::strtod(line.c_str() + 6, nullptr);
  }
  return 0;
}

double open_descriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc/self/fd"), ::closedir);
  if (!directory) return 0;
  int count = -1;  // the directory's own
  while (const dirent* entry = ::readdir(directory.get())) {
    if (entry->d_name[0] != '.') ++count;
  }
  return count;
}

}  // namespace

Histogram::Histogram(std::initializer_list<double> bounds) {
  for (const double bound : bounds) {
    if (size_ < kMostBounds) bounds_.at(size_++) = bound;
  }
}

Histogram Histogram::of_short_times() {
  return {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
          0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};
}

Histogram Histogram::of_long_times() {
  return {0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600, 14'400, 43'200, 86'400};
}

void Histogram::add(double seconds) {
  if (seconds < 0 || std::isnan(seconds)) seconds = 0;  // of a clock that was set back
  ++count_;
  sum_ += seconds;
  for (std::size_t i = 0; i < size_; ++i) {
    if (seconds > bounds_.at(i)) continue;
    ++counts_.at(i);
    return;
  }
}

Exposition& Exposition::begin(std::string_view name, std::string_view help, std::string_view type) {
  name_ = name;
  text_ += "# HELP ";
  text_ += name;
  text_ += ' ';
  append_escaped(text_, help, false);
  text_ += "\n# TYPE ";
  text_ += name;
  text_ += ' ';
  text_ += type;
  text_ += '\n';
  return *this;
}

Exposition& Exposition::counter(std::string_view name, std::string_view help) {
  return begin(name, help, "counter");
}

Exposition& Exposition::gauge(std::string_view name, std::string_view help) {
  return begin(name, help, "gauge");
}

void Exposition::line(std::string_view name, std::string_view suffix, Labels labels, double value) {
  text_ += name;
  text_ += suffix;
  char before = '{';
  for (const auto& [key, text] : labels) {
    text_ += before;
    text_ += key;
    text_ += "=\"";
    append_escaped(text_, text, true);
    text_ += '"';
    before = ',';
  }
  if (before == ',') text_ += '}';
  text_ += ' ';
  append_number(text_, value);
  text_ += '\n';
}

Exposition& Exposition::sample(double value, Labels labels) {
  line(name_, {}, labels, value);
  return *this;
}

Exposition& Exposition::histogram(std::string_view name, std::string_view help,
                                  const Histogram& histogram) {
  begin(name, help, "histogram");
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < histogram.size_; ++i) {
    below += histogram.counts_.at(i);
    std::string bound;
    append_number(bound, histogram.bounds_.at(i));
    line(name, "_bucket", {{"le", bound}}, static_cast<double>(below));
  }
  line(name, "_bucket", {{"le", "+Inf"}}, static_cast<double>(histogram.count_));
  line(name, "_sum", {}, histogram.sum_);
  line(name, "_count", {}, static_cast<double>(histogram.count_));
  return *this;
}

Exposition& Exposition::process() {
  if (const Stat stat = read_stat(); stat.known) {
    counter("process_cpu_seconds_total", "Time on the processors").sample(stat.cpu_seconds);
    gauge("process_start_time_seconds", "When the process began, since the epoch",
          boot_time() + stat.start_ticks);
    gauge("process_virtual_memory_bytes", "Address space in use", stat.virtual_bytes);
    gauge("process_resident_memory_bytes", "Memory in use",
          stat.resident_pages * static_cast<double>(::sysconf(_SC_PAGESIZE)));
  }
  gauge("process_open_fds", "Open descriptors", open_descriptors());
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    gauge("process_max_fds", "How many descriptors may be open",
          static_cast<double>(limit.rlim_cur));
  }
  return *this;
}

}  // namespace charter::ipc
