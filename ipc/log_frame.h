// The bytes in front of a log frame's payload; log_segment.h has the whole format. Included by
// this room's sources only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ipc/log_segment.h"

namespace charter::ipc {

struct FrameHeader {
  std::uint32_t magic;
  std::uint32_t length;
  std::uint32_t payload_crc;
  std::uint32_t header_crc;
};
inline constexpr std::size_t kFrameHeaderSize = 16;
static_assert(sizeof(FrameHeader) == kFrameHeaderSize);

// The bytes F7 43 46 1E. F7 occurs in no UTF-8 and 1E in no JSON, so no text that a frame carries
// looks like the beginning of another one.
inline constexpr std::uint32_t kFrameMagic = 0x1E4643F7;

// A payload is whole words and never nothing.
inline constexpr bool possible_length(std::size_t length) {
  return length > 0 && length % 8 == 0 && length <= kMaxFrameBytes;
}

inline std::uint32_t header_crc(const FrameHeader& header) {
  return crc32c({reinterpret_cast<const char*>(&header), offsetof(FrameHeader, header_crc)});
}

}  // namespace charter::ipc
