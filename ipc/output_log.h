// What the steps of a run print, kept as it comes: pieces in two segments beside the run's journal,
// which are logs like that (log_segment.h). When the newer one is full the older one is dropped and
// the next begun, so no more than a given number of bytes is ever kept. Nothing is synced: this is
// a convenience for people, and no promise.
//
// Each piece says how much output came before it, so a reader finds out by itself what is missing,
// for whatever reason: dropped with an old segment, damaged, or not written on a full disk.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ipc/layout.h"
#include "ipc/log_segment.h"
#include "ipc/unique_fd.h"

namespace charter::ipc {

enum class OutputStream : std::uint8_t { out = 0, err = 1, integration = 2 };
[[nodiscard]] std::string_view name_of(OutputStream stream);

struct OutputPiece {
  std::int64_t at_us = 0;      // microseconds since the Unix epoch
  std::uint64_t position = 0;  // bytes of output before it, since the run began
  std::string step_id;         // empty: an integration's, outside of any step
  std::uint32_t attempt = 0;   // 0: the same
  OutputStream stream = OutputStream::out;
  std::string source;  // the integration's capability, else empty
  std::string bytes;   // masked already
};

// Where somebody has come who reads the pieces; the beginning when all is 0.
struct OutputPlace {
  std::uint64_t position = 0;  // behind what was read
  // Where that was: the position of its segment's first piece, and an offset in that.
  std::uint64_t segment = 0;
  std::uint64_t offset = 0;
};

[[nodiscard]] std::string encode(const OutputPiece& piece);
// `payload` must be 8-aligned (LogReader's are).
[[nodiscard]] Result<OutputPiece> decode_output_piece(std::string_view payload);

// Fewer could not hold what one read of a pipe brings.
inline constexpr std::uint64_t kLeastOutputBytes = std::uint64_t{256} << 10;
// A disk with less space is left to what has been promised.
inline constexpr std::uint64_t kOutputLeavesFree = std::uint64_t{16} << 20;

// The writing end; the caller holds the lock of the run's journal. Touches no file before the first
// byte. Not thread-safe.
class OutputLog {
 public:
  // `layout` outlives this. `most_bytes`: of both segments together, at least kLeastOutputBytes.
  OutputLog(const Layout& layout, std::string run, std::uint64_t most_bytes)
      : layout_(layout), run_(std::move(run)), segment_bytes_(most_bytes / 2) {}

  // Appends `piece`, in parts where it is large; its position is set here. What cannot be written
  // is missing from the log, as a reader will notice, and is no error.
  void append(OutputPiece piece);

 private:
  [[nodiscard]] bool find_segments();
  [[nodiscard]] bool space_left();
  void append_part(const OutputPiece& part);
  Result<void> write(const std::string& payload);
  Result<void> begin_segment(const std::string& payload);

  const Layout& layout_;
  std::string run_;
  std::uint64_t segment_bytes_;
  bool found_ = false;
  unsigned failed_looks_ = 0;
  unsigned newer_ = 1;  // which segment is written
  UniqueFd file_;
  std::optional<LogWriter> writer_;
  std::uint64_t position_ = 0;
  std::uint64_t unchecked_ = 0;  // bytes since the space was looked at
  bool full_ = false;
};

}  // namespace charter::ipc
