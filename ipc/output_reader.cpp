#include "ipc/output_reader.h"

#include <fcntl.h>

#include <cerrno>
#include <utility>

namespace charter::ipc {
namespace {

// The next piece that can be read; what is damaged shows by the position of the piece behind it.
Result<std::optional<OutputPiece>> next_piece(LogReader& reader) {
  for (;;) {
    const auto next = reader.next();
    if (!next) return next.error();
    if (next->outcome == LogReader::Outcome::end) return std::optional<OutputPiece>();
    if (next->outcome == LogReader::Outcome::damaged) continue;
    auto piece = decode_output_piece(next->payload);
    if (piece) return std::optional(std::move(*piece));
  }
}

}  // namespace

Result<OutputSegment> read_output_segment(int fd) {
  if (auto fine = check_log_header(fd, LogKind::output); !fine) return fine.error();
  LogReader reader(fd);
  OutputSegment found;
  bool any = false;
  for (;;) {
    const auto piece = next_piece(reader);
    if (!piece) return piece.error();
    if (!*piece) break;
    if (!any) found.first = (*piece)->position;
    any = true;
    found.position = (*piece)->position + (*piece)->bytes.size();
  }
  if (!any) return plain_error("a segment without output");
  found.end = reader.offset();
  return found;
}

// The oldest one that is newer than the one that is read. One that has no piece yet, or none that
// can be read, is not there.
Result<std::optional<OutputReader::Segment>> OutputReader::segment_behind() const {
  std::optional<Segment> found;
  for (unsigned which = 0; which < 2; ++which) {
    const std::string path = layout_.output_segment(run_, which);
    Segment segment;
    segment.file.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!segment.file) {
      if (errno == ENOENT) continue;
      return errno_error("open " + path);
    }
    if (auto fine = check_log_header(segment.file.get(), LogKind::output); !fine) {
      if (fine.error().code == std::errc::no_message_available) continue;
      return Error{fine.error().code, path + ": " + fine.error().what};
    }
    LogReader reader(segment.file.get());
    const auto first = next_piece(reader);
    if (!first || !*first) continue;
    segment.first = (*first)->position;
    if (segment_ && segment.first <= segment_->first) continue;
    if (!found || segment.first < found->first) found = std::move(segment);
  }
  return found;
}

Result<std::optional<OutputPiece>> OutputReader::next_here() {
  if (!reader_) return std::optional<OutputPiece>();
  return next_piece(*reader_);
}

Result<OutputReader::Next> OutputReader::next() {
  if (kept_) {
    position_ = kept_->position + kept_->bytes.size();
    return Next(std::exchange(kept_, std::nullopt).value());
  }
  for (;;) {
    auto piece = next_here();
    if (!piece) return piece.error();
    if (!*piece) {
      auto behind = segment_behind();
      if (!behind) return behind.error();
      if (!*behind) return Next();
      // What was appended before the next segment was begun.
      piece = next_here();
      if (!piece) return piece.error();
      if (!*piece) {
        segment_ = std::move(**behind);
        reader_.emplace(segment_->file.get());
        continue;
      }
    }
    OutputPiece& found = **piece;
    if (found.position > position_) {
      const OutputGap gap{found.position - position_};
      kept_ = std::move(found);
      return Next(gap);
    }
    position_ = found.position + found.bytes.size();
    return Next(std::move(found));
  }
}

}  // namespace charter::ipc
