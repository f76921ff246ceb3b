// Reads what a run's steps have printed (output_log.h), also while its worker writes, and whoever
// the writer was: it needs the files and nothing else.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "ipc/layout.h"
#include "ipc/log_segment.h"
#include "ipc/output_log.h"
#include "ipc/unique_fd.h"

namespace charter::ipc {

// So much output is not there any more, or never was.
struct OutputGap {
  std::uint64_t bytes = 0;
};

class OutputReader {
 public:
  // `layout` outlives this.
  OutputReader(const Layout& layout, std::string run) : layout_(layout), run_(std::move(run)) {}
  // Goes on at a place of another reader's, whatever has become of the files since; one that was
  // never there is no harm, but pieces before it may come again.
  OutputReader(const Layout& layout, std::string run, const OutputPlace& place);

  using Next = std::variant<std::monostate, OutputPiece, OutputGap>;
  // What comes next, in the order in which it was printed; a monostate when there is nothing (yet).
  // Follows the writer from segment to segment. Errors: a segment's that cannot be opened or is of
  // an unknown version.
  [[nodiscard]] Result<Next> next();
  // Behind the last piece that next() gave.
  [[nodiscard]] const OutputPlace& place() const { return place_; }

 private:
  struct Segment {
    UniqueFd file;
    std::uint64_t first = 0;  // its first piece's position
  };
  [[nodiscard]] Result<std::optional<Segment>> segment_behind() const;
  [[nodiscard]] Result<void> find_place();
  Next give(OutputPiece piece);
  [[nodiscard]] Result<std::optional<OutputPiece>> next_here();

  const Layout& layout_;
  std::string run_;
  std::optional<Segment> segment_;
  std::optional<LogReader> reader_;
  std::optional<OutputPiece> kept_;  // behind a gap that was told
  std::uint64_t position_ = 0;
  OutputPlace place_;
  bool placed_ = true;  // `place_` has been looked for
};

// Where the last `bytes` (at least 1) of the output begin, at the front of the piece that they
// begin in; where less is kept, or that part is damaged, at the first piece behind. The beginning
// when there is nothing. Errors: as of OutputReader::next().
[[nodiscard]] Result<OutputPlace> output_tail(const Layout& layout, const std::string& run,
                                              std::uint64_t bytes);

// What a whole segment holds.
struct OutputSegment {
  std::uint64_t first = 0;     // position of its first piece
  std::uint64_t position = 0;  // behind its last
  std::uint64_t end = 0;       // of the file's whole frames
};
// Errors: the read's, and that there is no piece in it.
[[nodiscard]] Result<OutputSegment> read_output_segment(int fd);

}  // namespace charter::ipc
