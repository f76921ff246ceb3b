#include "gateway/frame_watch.h"

#include <algorithm>

namespace charter::gateway {
namespace {

constexpr unsigned char kPong = 0x8a;  // final fragment, opcode 10

unsigned byte(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

// The size of the frame that begins here, header included; servers do not mask. Beast writes a
// header at once, so it is whole.
std::uint64_t frame_size(std::string_view head) {
  if (head.size() < 2) return head.size();
  const unsigned length = byte(head, 1) & 0x7fU;
  if (length < 126) return 2 + length;
  const std::size_t bytes = length == 126 ? 2 : 8;
  if (head.size() < 2 + bytes) return head.size();
  std::uint64_t size = 0;
  for (std::size_t at = 0; at < bytes; ++at) size = size << 8U | byte(head, 2 + at);
  return 2 + bytes + size;
}

}  // namespace

FrameWatch::Verdict FrameWatch::begins(std::string_view head) {
  if (left_ > 0 || head.empty()) return Verdict::pass;
  const std::uint64_t size = frame_size(head);
  if (byte(head, 0) == kPong) {
    const std::string_view payload = head.substr(2, size - 2);
    const auto permit = std::ranges::find(permits_, payload);
    if (permit == permits_.end()) return Verdict::drop;
    permits_.erase(permit);
  }
  left_ = size;
  return Verdict::pass;
}

void FrameWatch::written(std::size_t bytes) { left_ -= std::min<std::uint64_t>(left_, bytes); }

}  // namespace charter::gateway
