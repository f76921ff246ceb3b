// Keeps sensitive texts out of a stream of bytes, wherever it is cut into chunks. What could be the
// beginning of such a text is held back until it is known not to be one; nothing else is.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace charter::worker {

class OutputMask {
 public:
  struct Span {
    std::size_t begin;
    std::size_t end;
  };

  // Where they are in a whole text, in order, those that overlap as one.
  [[nodiscard]] static std::vector<Span> find(const std::vector<std::string>& secrets,
                                              std::string_view text);

  // From now on these are looked for, in place of those before. Empty ones are passed over.
  void know(const std::vector<std::string>& secrets);

  // Takes the next chunk; what may be shown by now. In it every sensitive text, and several that
  // overlap altogether, is kRedacted.
  [[nodiscard]] std::string take(std::string_view bytes) { return release(bytes, false); }
  // The rest, nothing follows. Four bytes and more that begin a sensitive text count as one.
  [[nodiscard]] std::string finish() { return release({}, true); }

 private:
  struct Pattern {
    std::string text;
    std::vector<std::size_t> borders;  // [n]: of its first n + 1 bytes, as Knuth, Morris and Pratt
  };
  [[nodiscard]] std::string release(std::string_view bytes, bool last);
  static void find_all(const std::string& pattern, std::string_view text, std::vector<Span>& found);
  [[nodiscard]] static std::size_t begun_at_end(const Pattern& pattern, std::string_view text);

  std::vector<Pattern> patterns_;
  std::string held_;
  std::size_t told_ = 0;  // of held_'s bytes: they belong to a kRedacted that was shown
};

}  // namespace charter::worker
