#include "ipc/output_reader.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

namespace charter::ipc {
namespace {

// How much of a segment's end is read first to find a tail.
constexpr std::uint64_t kTailWindow = std::uint64_t{256} << 10;

// The next piece that can be read, and where its frame lies; what is damaged shows by the position
// of the piece behind it.
Result<std::optional<OutputPiece>> next_piece(LogReader& reader, FramePlace& place) {
  for (;;) {
    const auto next = reader.next();
    if (!next) return next.error();
    if (next->outcome == LogReader::Outcome::end) return std::optional<OutputPiece>();
    if (next->outcome == LogReader::Outcome::damaged) continue;
    place = next->place;
    auto piece = decode_output_piece(next->payload);
    if (piece) return std::optional(std::move(*piece));
  }
}

Result<std::optional<OutputPiece>> next_piece(LogReader& reader) {
  FramePlace place;
  return next_piece(reader, place);
}

struct OpenSegment {
  UniqueFd file;
  std::uint64_t first = 0;
};

// Nothing when it is not there, has no piece yet, or none that can be read.
Result<std::optional<OpenSegment>> open_output(const std::string& path) {
  std::optional<OpenSegment> none;
  OpenSegment segment;
  segment.file.reset(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!segment.file) {
    if (errno == ENOENT) return none;
    return errno_error("open " + path);
  }
  if (auto fine = check_log_header(segment.file.get(), LogKind::output); !fine) {
    if (fine.error().code == std::errc::no_message_available) return none;
    return Error{fine.error().code, path + ": " + fine.error().what};
  }
  LogReader reader(segment.file.get());
  const auto first = next_piece(reader);
  if (!first || !*first) return none;
  segment.first = (*first)->position;
  return std::optional(std::move(segment));
}

std::uint64_t size_of(const UniqueFd& file) {
  struct stat found {};
  return ::fstat(file.get(), &found) == 0 ? static_cast<std::uint64_t>(found.st_size) : 0;
}

struct PlacedPiece {
  std::uint64_t position = 0;
  std::uint64_t end = 0;     // the position behind it
  std::uint64_t offset = 0;  // of its frame
};

// Where the output from a position on begins.
struct Tail {
  std::uint64_t from = 0;  // the position
  bool any = false;        // the segment has something of it
  OutputPlace place;       // of the first piece that has, and else the segment's end
};

// `wanted` gives the position for where the segment's output ends. Read from behind, since a
// segment may be large: a first frame that is begun in its middle is damage, which is passed over.
template <class Wanted>
Result<Tail> tail_of(const OpenSegment& segment, const Wanted& wanted) {
  const std::uint64_t size = size_of(segment.file);
  for (std::uint64_t window = kTailWindow;; window *= 4) {
    const bool all = size <= window + kLogHeaderSize;
    LogReader reader(segment.file.get(), all ? kLogHeaderSize : size - window);
    std::vector<PlacedPiece> pieces;
    FramePlace frame;
    for (;;) {
      const auto piece = next_piece(reader, frame);
      if (!piece) return piece.error();
      if (!*piece) break;
      const std::uint64_t position = (*piece)->position;
      pieces.push_back({position, position + (*piece)->bytes.size(), frame.offset});
    }
    if (pieces.empty() && !all) continue;
    Tail tail;
    const std::uint64_t end = pieces.empty() ? segment.first : pieces.back().end;
    tail.from = wanted(end);
    if (!all && pieces.front().position > tail.from) continue;
    const auto first =
        std::ranges::find_if(pieces, [&](const PlacedPiece& one) { return one.end > tail.from; });
    tail.any = first != pieces.end();
    tail.place = tail.any ? OutputPlace{first->position, segment.first, first->offset}
                          : OutputPlace{end, segment.first, reader.offset()};
    return tail;
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

OutputReader::OutputReader(const Layout& layout, std::string run, const OutputPlace& place)
    : layout_(layout), run_(std::move(run)), position_(place.position), place_(place) {
  placed_ = place.offset == 0;
}

// Where the place's segment is not there any more, reading goes on with the one behind it.
Result<void> OutputReader::find_place() {
  placed_ = true;
  segment_ = Segment{UniqueFd(), place_.segment};
  for (unsigned which = 0; which < 2; ++which) {
    auto found = open_output(layout_.output_segment(run_, which));
    if (!found) return found.error();
    if (!*found || (*found)->first != place_.segment) continue;
    segment_->file = std::move((*found)->file);
    const std::uint64_t end = size_of(segment_->file);
    // Frames are 8-aligned.
    const std::uint64_t offset = place_.offset & ~std::uint64_t{7};
    reader_.emplace(segment_->file.get(),
                    offset < kLogHeaderSize || offset > end ? kLogHeaderSize : offset);
    return {};
  }
  return {};
}

// The oldest one that is newer than the one that is read.
Result<std::optional<OutputReader::Segment>> OutputReader::segment_behind() const {
  std::optional<Segment> found;
  for (unsigned which = 0; which < 2; ++which) {
    auto segment = open_output(layout_.output_segment(run_, which));
    if (!segment) return segment.error();
    if (!*segment) continue;
    const std::uint64_t first = (*segment)->first;
    if (segment_ && first <= segment_->first) continue;
    if (!found || first < found->first) found = Segment{std::move((*segment)->file), first};
  }
  return found;
}

Result<OutputPlace> output_tail(const Layout& layout, const std::string& run, std::uint64_t bytes) {
  std::array<std::optional<OpenSegment>, 2> segments;
  for (unsigned which = 0; which < 2; ++which) {
    auto found = open_output(layout.output_segment(run, which));
    if (!found) return found.error();
    segments[which] = std::move(*found);
  }
  auto& [older, newer] = segments;
  if (!newer || (older && older->first > newer->first)) std::swap(older, newer);
  if (!newer) return OutputPlace{};
  auto tail = tail_of(*newer, [bytes](std::uint64_t end) { return end - std::min(end, bytes); });
  if (!tail) return tail.error();
  if (!older || tail->place.position <= tail->from) return tail->place;
  const auto before = tail_of(*older, [&tail](std::uint64_t) { return tail->from; });
  if (!before) return before.error();
  return before->any ? before->place : tail->place;
}

Result<std::optional<OutputPiece>> OutputReader::next_here() {
  if (!reader_) return std::optional<OutputPiece>();
  return next_piece(*reader_);
}

Result<OutputReader::Next> OutputReader::next() {
  if (kept_) return give(std::exchange(kept_, std::nullopt).value());
  if (!placed_) {
    if (auto found = find_place(); !found) return found.error();
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
    return give(std::move(found));
  }
}

OutputReader::Next OutputReader::give(OutputPiece piece) {
  position_ = piece.position + piece.bytes.size();
  place_ = {position_, segment_->first, reader_->offset()};
  return Next(std::move(piece));
}

}  // namespace charter::ipc
