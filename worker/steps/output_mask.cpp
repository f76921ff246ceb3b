#include "worker/steps/output_mask.h"

#include <algorithm>
#include <utility>

#include "worker/steps/audit.h"
#include "worker/steps/masking.h"

namespace charter::worker {

std::string OutputMask::release(std::string_view bytes, bool last) {
  if (secrets_.empty() && held_.empty()) return std::string(bytes);
  held_ += bytes;
  std::vector<SecretIndex::Span> spans;
  if (told_ > 0) spans.push_back({0, told_});
  std::size_t hold = secrets_.find(held_, spans);
  if (last) {
    if (held_.size() - hold >= kLeastSecret) SecretIndex::add({hold, held_.size()}, spans);
    hold = held_.size();
  }
  const std::size_t told = std::exchange(told_, 0);
  if (told > hold) told_ = told - hold;
  std::string out;
  std::size_t shown = 0;  // up to here everything is in `out`
  for (const auto& span : spans) {
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
