#include "worker/steps/secret_index.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "worker/steps/masking.h"

namespace charter::worker {
namespace {

constexpr std::size_t kBeginning = sizeof(std::uint32_t);
constexpr std::size_t kSlotsOfEach = 8;  // so that few other beginnings meet one that is taken

unsigned char byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

// As far as both go. The end first: texts that repeat themselves often differ nowhere before.
bool agree(std::string_view one, std::string_view other) {
  constexpr std::size_t kEnd = 16;
  const std::size_t both = std::min(one.size(), other.size());
  const std::size_t end = both - std::min(both, kEnd);
  return one.substr(end, both - end) == other.substr(end, both - end) &&
         one.substr(0, end) == other.substr(0, end);
}

}  // namespace

SecretIndex::SecretIndex(std::vector<std::string> texts) : texts_(std::move(texts)) {
  std::erase(texts_, std::string());
  std::sort(texts_.begin(), texts_.end());
  texts_.erase(std::unique(texts_.begin(), texts_.end()), texts_.end());
  if (std::any_of(texts_.begin(), texts_.end(),
                  [](const std::string& text) { return text.size() < kBeginning; })) {
    return;
  }
  unsigned bits = 8;
  while (bits < 24 && (std::size_t{1} << bits) < kSlotsOfEach * texts_.size()) ++bits;
  shift_ = 32 - bits;
  beginnings_.resize(std::size_t{1} << bits);
  for (const std::string& text : texts_) beginnings_[slot(text)] = true;
}

std::size_t SecretIndex::slot(std::string_view text) const {
  constexpr std::uint32_t kSpread = 2'654'435'761U;
  std::uint32_t beginning = 0;
  std::memcpy(&beginning, text.data(), kBeginning);
  return (beginning * kSpread) >> shift_;
}

bool SecretIndex::may_begin(std::string_view text) const {
  return beginnings_.empty() || text.size() < kBeginning || beginnings_[slot(text)];
}

void SecretIndex::add(Span span, std::vector<Span>& spans) {
  if (spans.empty() || span.begin >= spans.back().end) {
    spans.push_back(span);
  } else {
    spans.back().end = std::max(spans.back().end, span.end);
  }
}

std::vector<SecretIndex::Span> SecretIndex::find(std::string_view text) const {
  std::vector<Span> found;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::string_view rest = text.substr(at);
    if (!may_begin(rest)) continue;
    if (const std::size_t length = match(rest, false).length; length > 0) {
      add({at, at + length}, found);
    }
  }
  return found;
}

std::size_t SecretIndex::find(std::string_view text, std::vector<Span>& found) const {
  std::size_t begun = text.size();
  for (std::size_t at = 0; at < text.size(); ++at) {
    const std::string_view rest = text.substr(at);
    if (!may_begin(rest)) continue;
    const Match here = match(rest, true);
    if (here.length > 0) add({at, at + here.length}, found);
    if (here.begun) begun = std::min(begun, at);
    // What is behind it will be looked at again, or is masked with it.
    if (text.size() - begun >= kLeastSecret) break;
  }
  return begun;
}

// Byte by byte among those that have agreed so far, of which the shortest is the first.
SecretIndex::Match SecretIndex::match(std::string_view text, bool goes_on) const {
  Match longest;
  auto first = texts_.begin();
  auto last = texts_.end();
  for (std::size_t depth = 0; first != last; ++depth) {
    if (first->size() == depth) {
      longest.length = depth;
      if (++first == last) break;
    }
    if (depth == text.size()) {
      longest.begun = true;
      break;
    }
    if (last - first == 1) {
      const bool longer = first->size() > text.size();
      if (longer && !goes_on) break;
      if (!agree(*first, text)) break;
      if (!longer) longest.length = first->size();
      longest.begun = longer;
      break;
    }
    const unsigned char next = byte_at(text, depth);
    const auto below = [depth, next](const std::string& one) { return byte_at(one, depth) < next; };
    const auto same = [depth, next](const std::string& one) { return byte_at(one, depth) == next; };
    first = std::partition_point(first, last, below);
    last = std::partition_point(first, last, same);
  }
  return longest;
}

}  // namespace charter::worker
