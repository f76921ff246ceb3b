// Finds any of many sensitive texts in one pass, at a cost that hardly depends on how many there
// are: a step that has fifty thousand of them may print as much as any other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace charter::worker {

class SecretIndex {
 public:
  struct Span {
    std::size_t begin;
    std::size_t end;
  };

  SecretIndex() = default;
  // Empty texts are passed over.
  explicit SecretIndex(std::vector<std::string> texts);

  [[nodiscard]] bool empty() const { return texts_.empty(); }

  // Where they are in a whole text, in order, those that overlap as one.
  [[nodiscard]] std::vector<Span> find(std::string_view text) const;
  // In a text that may go on: where the first one begins that it ends in the midst of, or its end.
  // `found` is added to, up to there.
  [[nodiscard]] std::size_t find(std::string_view text, std::vector<Span>& found) const;
  // Behind those that are there, of which none begins later.
  static void add(Span span, std::vector<Span>& spans);

 private:
  struct Match {
    std::size_t length = 0;  // of the longest one that `text` begins with
    bool begun = false;      // the text ends in the midst of a longer one
  };
  [[nodiscard]] Match match(std::string_view text, bool goes_on) const;
  [[nodiscard]] bool may_begin(std::string_view text) const;
  [[nodiscard]] std::size_t slot(std::string_view text) const;

  std::vector<std::string> texts_;  // in order, each once
  std::vector<bool> beginnings_;    // by slot(): whether a text begins so; empty: not known
  unsigned shift_ = 0;
};

}  // namespace charter::worker
