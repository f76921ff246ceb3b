// Puts one request line together, within a limit of its own and one for all that are unfinished.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace charter::supervisor {

// Memory that all unfinished requests may take together. One request alone always may be as large
// as a request may be.
class RequestBudget {
 public:
  explicit RequestBudget(std::size_t limit) : limit_(limit) {}
  [[nodiscard]] bool take(std::size_t bytes) {
    if (bytes > limit_ - used_) return false;
    used_ += bytes;
    return true;
  }
  void give_back(std::size_t bytes) { used_ -= bytes; }
  [[nodiscard]] std::size_t used() const { return used_; }

 private:
  std::size_t limit_;
  std::size_t used_ = 0;
};

class RequestReader {
 public:
  // `budget` must outlive this.
  RequestReader(std::size_t max_bytes, RequestBudget& budget)
      : max_bytes_(max_bytes), budget_(budget) {}
  // A request counts until it is answered, not only until it is complete.
  ~RequestReader() { budget_.give_back(taken_); }
  RequestReader(const RequestReader&) = delete;
  RequestReader& operator=(const RequestReader&) = delete;

  enum class Outcome { more, complete, too_large, crowded };

  // Adds what arrived. After `complete` the line is there, without its end; what follows it is
  // ignored.
  Outcome feed(std::string_view bytes) {
    const std::size_t end = bytes.find('\n');
    const std::string_view part = bytes.substr(0, end);
    if (line_.size() + part.size() > max_bytes_) return Outcome::too_large;
    if (!budget_.take(part.size())) return Outcome::crowded;
    taken_ += part.size();
    line_.append(part);
    return end == std::string_view::npos ? Outcome::more : Outcome::complete;
  }

  [[nodiscard]] bool empty() const { return line_.empty(); }
  [[nodiscard]] std::string take() { return std::exchange(line_, {}); }

 private:
  std::size_t max_bytes_;
  RequestBudget& budget_;
  std::size_t taken_ = 0;
  std::string line_;
};

}  // namespace charter::supervisor
