#include "ipc/output_log.h"

#include <charter.capnp.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "ipc/message.h"
#include "ipc/output_reader.h"
#include "ipc/regular_file.h"

namespace charter::ipc {
namespace {

using message::data;
using message::str;
using message::text;

constexpr std::size_t kMostPart = std::size_t{32} << 10;
constexpr std::size_t kFrameOverhead = 1024;  // of a part, its step's id aside
constexpr std::uint64_t kLookEvery = std::uint64_t{1} << 20;
constexpr unsigned kMostFailedLooks = 16;  // what still cannot be read then is lost to all
constexpr int kCreate = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW;

// What could not be read may be whole, and readable another time.
bool may_pass(const Error& error) {
  const int code = error.code.value();
  return code == EIO || code == EMFILE || code == ENFILE || code == ENOMEM;
}

}  // namespace

std::string_view name_of(OutputStream stream) {
  switch (stream) {
    case OutputStream::out:
      return "stdout";
    case OutputStream::err:
      return "stderr";
    case OutputStream::integration:
      break;
  }
  return "integration";
}

std::string encode(const OutputPiece& piece) {
  const std::size_t bytes = piece.step_id.size() + piece.source.size() + piece.bytes.size();
  return message::write<schema::OutputPiece>(bytes, [&](auto out) {
    out.setAt(piece.at_us);
    out.setPosition(piece.position);
    out.setStepId(text(piece.step_id));
    out.setAttempt(piece.attempt);
    out.setStream(static_cast<std::uint8_t>(piece.stream));
    out.setSource(text(piece.source));
    out.setBytes(data(piece.bytes));
  });
}

Result<OutputPiece> decode_output_piece(std::string_view payload) {
  const auto read = [](schema::OutputPiece::Reader in) -> Result<OutputPiece> {
    OutputPiece piece;
    piece.at_us = in.getAt();
    piece.position = in.getPosition();
    piece.step_id = str(in.getStepId());
    piece.attempt = in.getAttempt();
    if (in.getStream() > static_cast<std::uint8_t>(OutputStream::integration)) {
      return plain_error("a piece of output of an unknown stream");
    }
    piece.stream = static_cast<OutputStream>(in.getStream());
    piece.source = str(in.getSource());
    piece.bytes = str(in.getBytes());
    return piece;
  };
  return message::read<schema::OutputPiece>(payload, "piece of output", read);
}

void OutputLog::append(OutputPiece piece) {
  if (piece.bytes.empty()) return;
  if (!found_ && !find_segments()) {
    position_ += piece.bytes.size();
    return;
  }
  if (piece.bytes.size() <= kMostPart) return append_part(piece);
  const std::string bytes = std::exchange(piece.bytes, {});
  for (std::size_t at = 0; at < bytes.size(); at += kMostPart) {
    piece.bytes.assign(bytes, at, kMostPart);
    append_part(piece);
  }
}

// An earlier burst's segments, to go on in the newer one; what is torn at its end is cut off. False
// when one cannot be read just now: nobody knows then which is the older one, that may go.
bool OutputLog::find_segments() {
  std::optional<std::uint64_t> newest;
  std::uint64_t position = 0;
  for (unsigned which = 0; which < 2; ++which) {
    auto opened = open_regular(layout_.output_segment(run_, which), O_RDWR | O_NOFOLLOW);
    const auto found = opened ? read_output_segment(opened->get()) : opened.error();
    if (!found && may_pass(found.error()) && ++failed_looks_ < kMostFailedLooks) return false;
    if (!found) continue;
    UniqueFd file = std::move(*opened);
    position = std::max(position, found->position);
    if (newest && *newest > found->first) continue;
    newest = found->first;
    newer_ = which;
    writer_.reset();
    auto writer = LogWriter::open(file.get(), found->end);
    if (writer) writer_ = *writer;
    file_ = std::move(file);
  }
  position_ += position;  // behind what could not be kept meanwhile
  found_ = true;
  return true;
}

bool OutputLog::space_left() {
  if (unchecked_ < kLookEvery && file_ && !full_) return true;
  unchecked_ = 0;
  struct statvfs disk {};
  full_ = ::statvfs(layout_.journals_dir().c_str(), &disk) == 0 &&
          static_cast<std::uint64_t>(disk.f_bavail) * disk.f_frsize < kOutputLeavesFree;
  return !full_;
}

void OutputLog::append_part(const OutputPiece& part) {
  const std::uint64_t position = position_;
  position_ += part.bytes.size();
  unchecked_ += part.bytes.size();
  // A piece that a quarter of a segment cannot hold has an id of that length.
  if (part.step_id.size() + part.source.size() + kMostPart + kFrameOverhead > segment_bytes_ / 2) {
    return;
  }
  if (!space_left()) return;
  OutputPiece placed = part;
  placed.position = position;
  (void)write(encode(placed));
}

Result<void> OutputLog::write(const std::string& payload) {
  if (!writer_ || writer_->sealed() ||
      writer_->end() + payload.size() + kFrameOverhead > segment_bytes_) {
    return begin_segment(payload);
  }
  return writer_->append({&payload, 1});
}

// Whoever reads the segment that goes has it open. The next one is there with its first piece or
// not at all.
Result<void> OutputLog::begin_segment(const std::string& payload) {
  const unsigned other = 1 - newer_;
  const std::string path = layout_.output_segment(run_, other);
  const std::string draft = layout_.output_draft(run_);
  for (const std::string& old : {path, draft}) {
    if (::unlink(old.c_str()) != 0 && errno != ENOENT) return errno_error("remove " + old);
  }
  UniqueFd file(::open(draft.c_str(), kCreate, 0600));
  if (!file) return errno_error("create " + draft);
  if (auto header = write_log_header(file.get(), LogKind::output); !header) return header;
  auto writer = LogWriter::open(file.get(), kLogHeaderSize);
  if (!writer) return writer.error();
  if (auto appended = writer->append({&payload, 1}); !appended) return appended;
  if (::rename(draft.c_str(), path.c_str()) != 0) return errno_error("rename to " + path);
  newer_ = other;
  writer_ = *writer;
  file_ = std::move(file);
  return {};
}

}  // namespace charter::ipc
