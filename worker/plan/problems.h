// All that is wrong with a plan, so that one look shows everything.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace charter::worker {

class Problems {
 public:
  void add(std::string line) { lines_.push_back(std::move(line)); }
  // Something the format's own check breaks off at: the first such text replaces all problems.
  void break_off(std::string text) {
    if (!fault_) fault_ = std::move(text);
  }

  [[nodiscard]] bool empty() const { return lines_.empty() && !fault_; }
  [[nodiscard]] const std::optional<std::string>& fault() const { return fault_; }
  // One problem a line.
  [[nodiscard]] std::string text() const {
    std::string all;
    for (const std::string& line : lines_) {
      if (&line != &lines_.front()) all += '\n';
      all += line;
    }
    return all;
  }

 private:
  std::vector<std::string> lines_;
  std::optional<std::string> fault_;
};

}  // namespace charter::worker
