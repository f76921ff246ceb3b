// What is counted, and the text in which Prometheus reads it (text format 0.0.4).
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace charter::ipc {

// How often something took how long. Adding costs a search among a dozen bounds. One thread.
class Histogram {
 public:
  static constexpr std::size_t kMostBounds = 16;

  // Upper bounds of the buckets in seconds, ascending, at most kMostBounds of them.
  Histogram(std::initializer_list<double> bounds);
  // From a tenth of a millisecond to ten seconds: what the disk or the kernel takes.
  [[nodiscard]] static Histogram of_short_times();
  // From ten milliseconds to a day: what people's steps take.
  [[nodiscard]] static Histogram of_long_times();

  void add(double seconds);
  template <class Rep, class Period>
  void add(std::chrono::duration<Rep, Period> time) {
    add(std::chrono::duration<double>(time).count());
  }

  [[nodiscard]] std::uint64_t count() const { return count_; }

 private:
  friend class Exposition;
  std::array<double, kMostBounds> bounds_{};
  std::array<std::uint64_t, kMostBounds> counts_{};  // each bucket alone, not those below it
  std::size_t size_ = 0;
  std::uint64_t count_ = 0;
  double sum_ = 0;
};

// The text, family by family: a name has its help and its type once, and all its samples together.
class Exposition {
 public:
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  // Begins a family; `help` is one line. A counter's name ends in
  // _total, one with a unit before that in _seconds or _bytes.
  Exposition& counter(std::string_view name, std::string_view help);
  Exposition& gauge(std::string_view name, std::string_view help);
  // A sample of the family last begun. Values of labels may be any text.
  Exposition& sample(double value, Labels labels = {});
  // A family of its own.
  Exposition& histogram(std::string_view name, std::string_view help, const Histogram& histogram);
  // A family with one sample that has no labels.
  Exposition& counter(std::string_view name, std::string_view help, std::uint64_t value) {
    return counter(name, help).sample(static_cast<double>(value));
  }
  Exposition& gauge(std::string_view name, std::string_view help, double value) {
    return gauge(name, help).sample(value);
  }
  // What /proc says of this process: process_resident_memory_bytes and its like.
  Exposition& process();

  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  Exposition& begin(std::string_view name, std::string_view help, std::string_view type);
  void line(std::string_view name, std::string_view suffix, Labels labels, double value);

  std::string text_;
  std::string name_;  // of the family last begun
};

}  // namespace charter::ipc
