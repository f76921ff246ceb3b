// An append-only file of checksummed frames: the one format under ledger and journals.
//
//   file   = header frame*
//   header = "CHARTLOG" u32 version u32 kind u64 created_us u8[40] zero          (64 bytes)
//   frame  = u32 magic u32 length u32 crc32c(payload) u32 crc32c(first 12 bytes) payload
//
// All little-endian; a payload is one flat Cap'n Proto message, so `length` is a multiple of 8
// and every frame is 8-aligned. A reader stops at the first frame that is not whole (the tail)
// and, when whole frames follow it (damage in the middle), can go on behind the damage.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/error.h"
#include "ipc/unique_fd.h"

namespace charter::ipc {

inline constexpr std::uint32_t kLogVersion = 1;
inline constexpr std::size_t kLogHeaderSize = 64;
// Of one frame's payload: a run state grows to three times its 64 MiB request in ASCII form.
inline constexpr std::size_t kMaxFrameBytes = 256U << 20;

enum class LogKind : std::uint32_t { ledger = 1, journal = 2, output = 3 };

// Where a frame lies in its file.
struct FramePlace {
  std::uint64_t offset = 0;  // of the frame's header
  std::uint64_t end = 0;     // of the frame
};

// Writes the file header into an empty file. Errors: the write's.
[[nodiscard]] Result<void> write_log_header(int fd, LogKind kind);
// Checks the header. An unknown version is an error that names both versions; a file too short to
// have a header, or with zeros in its place (created, then lost power: nothing of it was ever
// synced), is std::errc::no_message_available.
[[nodiscard]] Result<void> check_log_header(int fd, LogKind kind);

// Appends frames behind a known end. Not thread-safe; one writer per file, by lock.
class LogWriter {
 public:
  // `end` is where the whole frames end (LogReader tells); what lies behind is cut off here,
  // durably, so that it is never taken for a part of what is written in its place.
  static Result<LogWriter> open(int fd, std::uint64_t end);

  // What stays of an append that failed.
  enum class Kept {
    nothing,       // the file is cut back to where it was
    whole_frames,  // those at its front, which count as written: somebody may have read them
  };

  // Appends all payloads with one write. On failure the file is cut back to a whole frame, and the
  // writer goes on there.
  Result<void> append(std::span<const std::string> payloads, Kept kept = Kept::nothing);

  // Makes all of the file up to its end durable. Where a sync fails, now or earlier by whomever,
  // the kernel may have dropped the pages, and tells so only once: all of it is written again and
  // synced again. If that fails, too, the writer is sealed (every later append and sync fails) and
  // the file stays in doubt.
  Result<void> sync();

  [[nodiscard]] std::uint64_t end() const { return end_; }
  [[nodiscard]] bool sealed() const { return sealed_; }

 private:
  LogWriter(int fd, std::uint64_t end) : fd_(fd), begun_at_(end), end_(end) {}
  int fd_;
  std::uint64_t begun_at_;
  std::uint64_t end_;
  bool sealed_ = false;
};

// A log of which a sync has failed is in doubt, for everyone who has it and for those who come
// after them in this boot, until it was written again: a sync that succeeds proves nothing. The
// sign is the sticky bit of its mode, which costs no space; after a loss of power the disk has the
// truth.
void put_in_doubt(int fd);
[[nodiscard]] bool in_doubt(int fd);
// Writes what the kernel has of the first `end` bytes once more, makes it durable, and ends the
// doubt. A writer may append behind `end` meanwhile, as whole frames lie before it. Errors: the
// read's, the write's, the sync's.
[[nodiscard]] Result<void> write_log_again(int fd, std::uint64_t end);
// The same if the frames from `from` on, which were promised, can still be read. If not, the error
// is std::errc::bad_message, and no further try can help.
[[nodiscard]] Result<void> mend_log(int fd, std::uint64_t from, std::uint64_t end);

// Reads frames in order from an offset; sees what was appended since the last call.
class LogReader {
 public:
  explicit LogReader(int fd, std::uint64_t offset = kLogHeaderSize) : fd_(fd), offset_(offset) {}

  enum class Outcome { frame, end, damaged };
  struct Next {
    Outcome outcome = Outcome::end;
    FramePlace place;          // of the frame
    std::string_view payload;  // 8-aligned, valid until the next call
    // Of damage: it has a hole, the zeros of 512 bytes that were never written. A loss of power
    // leaves that among what was not synced when the disk wrote a later part first.
    bool hole = false;
  };

  // The next whole frame; `end` when there is none (yet), including a torn tail; `damaged` when
  // a bad frame is followed by a whole one: `place` spans the damage and the next call goes on
  // behind it. Errors: the read's, and that the file is shorter than what was
  // read of it (its writer failed to append and cut back to before this reader's place).
  Result<Next> next();

  // Forgets what it has read ahead of offset(): the writer may cut it off and write something else.
  void forget_ahead() { buffer_size_ = 0; }

  [[nodiscard]] std::uint64_t offset() const { return offset_; }

 private:
  struct Look {
    enum class State { nothing, bad_header, unfinished, bad_payload, whole };
    State state = State::nothing;
    std::size_t size = 0;  // of header and payload, where the header is sound
    std::string_view payload;
  };
  Result<Look> look();
  Result<Next> behind_damage(std::uint64_t start, std::size_t skip);
  Result<bool> has_hole(std::uint64_t start, std::uint64_t end);
  Result<Next> end_at(std::uint64_t offset);
  Result<bool> fill(std::size_t wanted);
  void make_room(std::size_t wanted);
  [[nodiscard]] const char* at_offset() const;

  int fd_;
  std::uint64_t offset_;
  std::vector<std::uint64_t> buffer_;  // 8-aligned
  std::uint64_t buffer_offset_ = 0;
  std::size_t buffer_size_ = 0;
};

// CRC-32C (Castagnoli), as iSCSI defines it (RFC 3720, appendix B.4). `seed` is the sum of what
// comes before, to go on from. The second form does without the processor's own instruction.
[[nodiscard]] std::uint32_t crc32c(std::string_view bytes, std::uint32_t seed = 0);
[[nodiscard]] std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t seed = 0);

}  // namespace charter::ipc
