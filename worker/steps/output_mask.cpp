#include "worker/steps/output_mask.h"

#include <string.h>

#include <algorithm>
#include <utility>

#include "worker/steps/audit.h"
#include "worker/steps/masking.h"

namespace charter::worker {
namespace {

// How many bytes of `pattern` a text ends with, so that more of it could follow; `borders` goes on
// from any number of bytes that have matched.
std::size_t matched(const std::string& pattern, const std::vector<std::size_t>& borders,
                    std::string_view text) {
  std::size_t length = 0;
  for (const char c : text) {
    while (length > 0 && pattern[length] != c) length = borders[length - 1];
    if (pattern[length] == c) ++length;
  }
  return length;
}

std::vector<std::size_t> borders_of(const std::string& pattern) {
  std::vector<std::size_t> borders(pattern.size(), 0);
  for (std::size_t at = 1, length = 0; at < pattern.size(); ++at) {
    while (length > 0 && pattern[length] != pattern[at]) length = borders[length - 1];
    if (pattern[length] == pattern[at]) ++length;
    borders[at] = length;
  }
  return borders;
}

// In order, those that overlap as one.
std::vector<OutputMask::Span> merged(std::vector<OutputMask::Span> spans) {
  std::sort(spans.begin(), spans.end(),
            [](const auto& one, const auto& other) { return one.begin < other.begin; });
  std::vector<OutputMask::Span> apart;
  for (const auto& span : spans) {
    if (apart.empty() || span.begin >= apart.back().end) {
      apart.push_back(span);
    } else {
      apart.back().end = std::max(apart.back().end, span.end);
    }
  }
  return apart;
}

}  // namespace

void OutputMask::know(const std::vector<std::string>& secrets) {
  patterns_.clear();
  for (const std::string& secret : secrets) {
    if (!secret.empty()) patterns_.push_back({secret, borders_of(secret)});
  }
}

std::vector<OutputMask::Span> OutputMask::find(const std::vector<std::string>& secrets,
                                               std::string_view text) {
  std::vector<Span> found;
  for (const std::string& secret : secrets) find_all(secret, text, found);
  return merged(std::move(found));
}

void OutputMask::find_all(const std::string& pattern, std::string_view text,
                          std::vector<Span>& found) {
  const std::size_t mine = found.size();
  const std::size_t size = pattern.size();
  for (std::size_t from = 0; from + size <= text.size();) {
    const void* hit = ::memmem(text.data() + from, text.size() - from, pattern.data(), size);
    if (hit == nullptr) return;
    const auto at = static_cast<std::size_t>(static_cast<const char*>(hit) - text.data());
    if (found.size() > mine && at < found.back().end) {
      found.back().end = at + size;
    } else {
      found.push_back({at, at + size});
    }
    from = at + 1;
  }
}

// Where the longest beginning of the pattern begins that the text ends with; else its end.
std::size_t OutputMask::begun_at_end(const Pattern& pattern, std::string_view text) {
  const std::size_t longest = std::min(pattern.text.size() - 1, text.size());
  return text.size() - matched(pattern.text, pattern.borders, text.substr(text.size() - longest));
}

std::string OutputMask::release(std::string_view bytes, bool last) {
  if (patterns_.empty() && held_.empty()) return std::string(bytes);
  held_ += bytes;
  std::vector<Span> spans;
  if (told_ > 0) spans.push_back({0, told_});
  std::size_t hold = held_.size();
  for (const Pattern& pattern : patterns_) {
    find_all(pattern.text, held_, spans);
    hold = std::min(hold, begun_at_end(pattern, held_));
  }
  if (last) {
    if (held_.size() - hold >= kLeastSecret) spans.push_back({hold, held_.size()});
    hold = held_.size();
  }
  const std::size_t told = std::exchange(told_, 0);
  if (told > hold) told_ = told - hold;
  std::string out;
  std::size_t shown = 0;  // up to here everything is in `out`
  for (const Span& span : merged(std::move(spans))) {
    if (span.begin >= hold) break;
    if (span.begin > 0 || told == 0) {
      out.append(held_, shown, span.begin - shown);
      out += kRedacted;
    }
    shown = std::min(span.end, hold);
    if (span.end > hold) told_ = span.end - hold;
  }
  out.append(held_, shown, hold - shown);
  held_.erase(0, hold);
  return out;
}

}  // namespace charter::worker
