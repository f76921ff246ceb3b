#include "ipc/log_segment.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "ipc/log_frame.h"
#include "ipc/versions.h"

namespace charter::ipc {
namespace {

constexpr std::array<char, 8> kFileMagic = {'C', 'H', 'A', 'R', 'T', 'L', 'O', 'G'};

struct FileHeader {
  std::array<char, 8> magic;
  std::uint32_t version;
  std::uint32_t kind;
  std::uint64_t created_us;
  std::array<char, 40> zero;
};
static_assert(sizeof(FileHeader) == kLogHeaderSize);

Result<void> write_at(int fd, const char* bytes, std::size_t size, std::uint64_t offset) {
  while (size > 0) {
    const ssize_t put = ::pwrite(fd, bytes, size, static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno_error("write a log");
    bytes += put;
    size -= static_cast<std::size_t>(put);
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

// Writes all of `parts`, which it uses up, and moves `offset` behind what was written, also when it
// fails.
Result<void> write_parts(int fd, std::span<iovec> parts, std::uint64_t& offset) {
  while (!parts.empty()) {
    const int count = static_cast<int>(std::min<std::size_t>(parts.size(), IOV_MAX));
    const ssize_t put = ::pwritev(fd, parts.data(), count, static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno_error("append to a log");
    offset += static_cast<std::uint64_t>(put);
    auto left = static_cast<std::size_t>(put);
    while (!parts.empty() && left >= parts.front().iov_len) {
      left -= parts.front().iov_len;
      parts = parts.subspan(1);
    }
    if (!parts.empty()) {
      parts.front().iov_base = static_cast<char*>(parts.front().iov_base) + left;
      parts.front().iov_len -= left;
    }
  }
  return {};
}

bool is_blank(const FileHeader& header) {
  const FileHeader blank{};
  return std::memcmp(&header, &blank, sizeof header) == 0;
}

}  // namespace

Result<void> write_log_header(int fd, LogKind kind) {
  FileHeader header{};
  header.magic = kFileMagic;
  header.version = kLogVersion;
  header.kind = static_cast<std::uint32_t>(kind);
  header.created_us =
      static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(
                                     std::chrono::system_clock::now().time_since_epoch())
                                     .count());
  return write_at(fd, reinterpret_cast<const char*>(&header), sizeof header, 0);
}

Result<void> check_log_header(int fd, LogKind kind) {
  FileHeader header{};
  ssize_t got = 0;
  do {
    got = ::pread(fd, &header, sizeof header, 0);
  } while (got < 0 && errno == EINTR);
  if (got < 0) return errno_error("read a log's header");
  if (got < static_cast<ssize_t>(sizeof header)) {
    return Error{std::make_error_code(std::errc::no_message_available), "a log without a header"};
  }
  if (is_blank(header)) {
    return Error{std::make_error_code(std::errc::no_message_available), "a log without a header"};
  }
  if (header.magic != kFileMagic) return plain_error("not a log of charter-daemon");
  if (!readable(header.version, kLogVersion)) {
    return plain_error("log format version " + std::to_string(header.version) +
                       ", this program knows version " + std::to_string(kLogVersion));
  }
  if (header.kind != static_cast<std::uint32_t>(kind)) {
    return plain_error("a log of kind " + std::to_string(header.kind) + " instead of " +
                       std::to_string(static_cast<std::uint32_t>(kind)));
  }
  return {};
}

Result<LogWriter> LogWriter::open(int fd, std::uint64_t end) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return errno_error("look at a log");
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (end < kLogHeaderSize || end % 8 != 0 || end > size) {
    return plain_error("a log of " + std::to_string(size) + " bytes cannot go on at " +
                       std::to_string(end));
  }
  if (size > end && (::ftruncate(fd, static_cast<off_t>(end)) != 0 || ::fdatasync(fd) != 0)) {
    return errno_error("cut a log's torn tail");
  }
  return LogWriter(fd, end);
}

Result<void> LogWriter::append(std::span<const std::string> payloads, Kept kept) {
  if (sealed_) return plain_error("append to a sealed log");
  std::vector<FrameHeader> headers;
  std::vector<iovec> parts;
  headers.reserve(payloads.size());
  parts.reserve(2 * payloads.size());
  for (const std::string& payload : payloads) {
    if (!possible_length(payload.size())) {
      return Error{std::make_error_code(std::errc::message_size),
                   "append a frame of " + std::to_string(payload.size()) + " bytes"};
    }
    headers.push_back(
        {kFrameMagic, static_cast<std::uint32_t>(payload.size()), crc32c(payload), 0});
    headers.back().header_crc = header_crc(headers.back());
    parts.push_back({&headers.back(), kFrameHeaderSize});
    parts.push_back({const_cast<char*>(payload.data()), payload.size()});
  }
  std::uint64_t reached = end_;
  const auto written = write_parts(fd_, parts, reached);
  if (written || kept == Kept::whole_frames) {
    for (const FrameHeader& header : headers) {
      const std::uint64_t frame_end = end_ + kFrameHeaderSize + header.length;
      if (frame_end > reached) break;
      end_ = frame_end;
    }
  }
  // Whoever cannot cut back what it half wrote must not write behind it either.
  if (!written && ::ftruncate(fd_, static_cast<off_t>(end_)) != 0) sealed_ = true;
  return written;
}

Result<void> LogWriter::sync() {
  if (sealed_) return plain_error("sync a sealed log");
  Result<void> synced;
  if (in_doubt(fd_)) {
    synced = plain_error("sync a log that is in doubt");
  } else if (::fdatasync(fd_) != 0) {
    synced = errno_error("sync a log");
    put_in_doubt(fd_);
  }
  // What was promised is what was appended.
  if (synced || mend_log(fd_, begun_at_, end_)) return {};
  sealed_ = true;
  return synced;
}

void put_in_doubt(int fd) {
  struct stat info {};
  if (::fstat(fd, &info) == 0) (void)::fchmod(fd, (info.st_mode & 07777U) | S_ISVTX);
}

bool in_doubt(int fd) {
  struct stat info {};
  return ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) && (info.st_mode & S_ISVTX) != 0;
}

Result<void> write_log_again(int fd, std::uint64_t end) {
  std::vector<char> part(std::min<std::uint64_t>(end, 1U << 20));
  for (std::uint64_t at = 0; at < end;) {
    const std::size_t wanted = std::min<std::uint64_t>(part.size(), end - at);
    const ssize_t got = ::pread(fd, part.data(), wanted, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_error("read a log");
    if (got == 0) return plain_error("a log became shorter");
    const auto size = static_cast<std::size_t>(got);
    if (auto written = write_at(fd, part.data(), size, at); !written) return written;
    at += size;
  }
  struct stat info {};
  if (::fdatasync(fd) != 0) return errno_error("sync a log");
  if (::fstat(fd, &info) != 0) return errno_error("look at a log");
  if (::fchmod(fd, info.st_mode & 07777U & ~S_ISVTX) != 0) return errno_error("end a log's doubt");
  return {};
}

Result<void> mend_log(int fd, std::uint64_t from, std::uint64_t end) {
  LogReader reader(fd, from);
  while (reader.offset() < end) {
    const auto next = reader.next();
    if (!next) return next.error();
    if (next->outcome != LogReader::Outcome::frame) {
      return Error{std::make_error_code(std::errc::bad_message),
                   "what was appended to a log is lost"};
    }
  }
  return write_log_again(fd, end);
}

}  // namespace charter::ipc
