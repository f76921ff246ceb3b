#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "ipc/log_frame.h"
#include "ipc/log_segment.h"

namespace charter::ipc {
namespace {

constexpr std::size_t kSector = 512;
constexpr std::size_t kChunk = 64U << 10;
constexpr std::size_t kKeptBuffer = 1U << 20;  // a larger one is given back after its frame

constexpr std::size_t words_of(std::size_t bytes) { return (bytes + 7) / 8; }

Result<std::uint64_t> size_of(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return errno_error("look at a log");
  return static_cast<std::uint64_t>(info.st_size);
}

}  // namespace

// Whether `wanted` bytes lie at offset_; afterwards they are in the buffer.
Result<bool> LogReader::fill(std::size_t wanted) {
  if (offset_ < buffer_offset_ || offset_ > buffer_offset_ + buffer_size_) buffer_size_ = 0;
  if (buffer_size_ == 0) buffer_offset_ = offset_;
  if (buffer_offset_ + buffer_size_ - offset_ >= wanted) return true;
  if (wanted > kChunk) {  // the length may be nonsense: no memory before the file is that long
    const auto size = size_of(fd_);
    if (!size) return size.error();
    if (*size < offset_ + wanted) return false;
  }
  make_room(wanted);
  char* bytes = reinterpret_cast<char*>(buffer_.data());
  while (buffer_size_ < wanted) {
    const ssize_t got = ::pread(fd_, bytes + buffer_size_, buffer_.size() * 8 - buffer_size_,
                                static_cast<off_t>(offset_ + buffer_size_));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("read a log");
    if (got == 0) return false;
    buffer_size_ += static_cast<std::size_t>(got);
  }
  return true;
}

// Moves what is buffered from offset_ on, less than `wanted`, to the front of a buffer that holds
// `wanted` bytes.
void LogReader::make_room(std::size_t wanted) {
  const auto skipped = static_cast<std::size_t>(offset_ - buffer_offset_);
  const std::size_t have = buffer_size_ - skipped;
  const std::size_t words = words_of(std::max(wanted, kChunk));
  const auto* from = reinterpret_cast<const char*>(buffer_.data()) + skipped;
  if (buffer_.size() < words || buffer_.size() * 8 > std::max(wanted, kKeptBuffer)) {
    std::vector<std::uint64_t> fresh(words);
    if (have > 0) std::memcpy(fresh.data(), from, have);
    buffer_ = std::move(fresh);
  } else if (have > 0 && skipped > 0) {
    std::memmove(buffer_.data(), from, have);
  }
  buffer_offset_ = offset_;
  buffer_size_ = have;
}

// What lies at offset_.
Result<LogReader::Look> LogReader::look() {
  Look found;
  auto filled = fill(kFrameHeaderSize);
  if (!filled) return filled.error();
  if (!*filled) return found;
  FrameHeader header{};
  std::memcpy(&header, at_offset(), sizeof header);
  if (header.magic != kFrameMagic || !possible_length(header.length) ||
      header.header_crc != header_crc(header)) {
    found.state = Look::State::bad_header;
    return found;
  }
  found.size = kFrameHeaderSize + header.length;
  filled = fill(found.size);
  if (!filled) return filled.error();
  if (!*filled) {
    found.state = Look::State::unfinished;
    return found;
  }
  found.payload = {at_offset() + kFrameHeaderSize, header.length};
  found.state =
      crc32c(found.payload) == header.payload_crc ? Look::State::whole : Look::State::bad_payload;
  return found;
}

const char* LogReader::at_offset() const {
  return reinterpret_cast<const char*>(buffer_.data()) + (offset_ - buffer_offset_);
}

Result<LogReader::Next> LogReader::next() {
  offset_ = words_of(offset_) * 8;
  const auto found = look();
  if (!found) return found.error();
  switch (found->state) {
    case Look::State::whole: {
      const FramePlace place{offset_, offset_ + found->size};
      offset_ = place.end;
      return Next{Outcome::frame, place, found->payload};
    }
    case Look::State::nothing:
    case Look::State::unfinished:
      return end_at(offset_);
    case Look::State::bad_payload:
      // Its header is sound, so it is as long as it says: nothing inside it is a frame.
      return behind_damage(offset_, found->size);
    case Look::State::bad_header:
      return behind_damage(offset_, 8);
  }
  return end_at(offset_);
}

// Looks for a whole frame behind the damage at `start`, whose first `skip` bytes cannot hold one.
Result<LogReader::Next> LogReader::behind_damage(std::uint64_t start, std::size_t skip) {
  for (offset_ = start + skip;; offset_ += 8) {
    const auto found = look();
    if (!found) {
      offset_ = start;
      return found.error();
    }
    if (found->state == Look::State::nothing) return end_at(start);
    if (found->state == Look::State::whole) {
      const auto hole = has_hole(start, offset_);
      if (!hole) return hole.error();
      return Next{Outcome::damaged, {start, offset_}, {}, *hole};
    }
  }
}

// Whether, of one of the sectors from `start` to `end`, everything behind `start` is zero.
Result<bool> LogReader::has_hole(std::uint64_t start, std::uint64_t end) {
  std::array<char, kSector> bytes{};
  for (std::uint64_t at = start; at < end;) {
    const std::uint64_t boundary = (at / kSector + 1) * kSector;
    if (boundary > end) return false;
    const auto wanted = static_cast<std::size_t>(boundary - at);
    const ssize_t got = ::pread(fd_, bytes.data(), wanted, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("read a log");
    if (static_cast<std::size_t>(got) < wanted) return false;
    const auto written = [](char byte) { return byte != 0; };
    if (std::none_of(bytes.data(), bytes.data() + wanted, written)) return true;
    at = boundary;
  }
  return false;
}

// Forgets what is buffered behind `offset`: its writer may cut it off and write something else.
Result<LogReader::Next> LogReader::end_at(std::uint64_t offset) {
  offset_ = offset;
  buffer_size_ = 0;
  const auto size = size_of(fd_);
  if (!size) return size.error();
  if (*size < offset) return plain_error("a log became shorter than what was read of it");
  return Next{Outcome::end, {offset, offset}, {}};
}

}  // namespace charter::ipc
