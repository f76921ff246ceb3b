#include "tests/support/log_edit.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <stdexcept>

#include "ipc/codec.h"
#include "ipc/log_segment.h"
#include "ipc/unique_fd.h"
#include "tests/support/files.h"

namespace charter::tests {
namespace {

constexpr std::size_t kVersionAt = 8;
// In an encoded frame or record: the segment table, the root pointer, `at`, then the number of the
// union's member.
constexpr std::size_t kKindAt = 24;
constexpr char kNoKind = 99;

void demand(bool done, const std::string& what) {
  if (!done) throw std::runtime_error("cannot " + what);
}

std::vector<std::string> payloads_of(const std::string& log) {
  const ipc::UniqueFd file(::open(log.c_str(), O_RDONLY | O_CLOEXEC));
  demand(static_cast<bool>(file), "open " + log);
  std::vector<std::string> payloads;
  ipc::LogReader reader(file.get());
  for (;;) {
    const auto next = reader.next();
    demand(static_cast<bool>(next), "read " + log);
    if (next->outcome != ipc::LogReader::Outcome::frame) return payloads;
    payloads.emplace_back(next->payload);
  }
}

// The header stays, and so do file and place.
void write_payloads(const std::string& log, const std::vector<std::string>& payloads) {
  const ipc::UniqueFd file(::open(log.c_str(), O_RDWR | O_CLOEXEC));
  demand(static_cast<bool>(file), "open " + log);
  auto writer = ipc::LogWriter::open(file.get(), ipc::kLogHeaderSize);
  demand(writer && writer->append(payloads), "write " + log);
}

}  // namespace

std::vector<ipc::JournalFrame> frames_of(const std::string& journal) {
  std::vector<ipc::JournalFrame> frames;
  for (const std::string& payload : payloads_of(journal)) {
    if (auto frame = ipc::decode_journal_frame(payload)) frames.push_back(std::move(*frame));
  }
  return frames;
}

void change_frames(const std::string& journal,
                   const std::function<void(ipc::JournalFrame& frame)>& change) {
  std::vector<std::string> payloads;
  for (ipc::JournalFrame& frame : frames_of(journal)) {
    change(frame);
    payloads.push_back(ipc::encode(frame));
  }
  write_payloads(journal, payloads);
}

void insert_unknown_frame(const std::string& log, std::size_t place) {
  auto payloads = payloads_of(log);
  demand(place <= payloads.size() && !payloads.empty(), "insert into " + log);
  std::string unknown = payloads.front();
  unknown.at(kKindAt) = kNoKind;
  payloads.insert(payloads.begin() + static_cast<std::ptrdiff_t>(place), std::move(unknown));
  write_payloads(log, payloads);
}

std::size_t damage(const std::string& log,
                   const std::function<bool(std::string_view payload)>& chosen) {
  std::string bytes = read_file(log);
  std::size_t damaged = 0;
  const ipc::UniqueFd file(::open(log.c_str(), O_RDONLY | O_CLOEXEC));
  demand(static_cast<bool>(file), "open " + log);
  ipc::LogReader reader(file.get());
  for (;;) {
    const auto next = reader.next();
    demand(static_cast<bool>(next), "read " + log);
    if (next->outcome == ipc::LogReader::Outcome::end) break;
    if (next->outcome != ipc::LogReader::Outcome::frame || !chosen(next->payload)) continue;
    bytes.at(next->place.end - 1) = static_cast<char>(bytes.at(next->place.end - 1) ^ 1);
    ++damaged;
  }
  if (damaged > 0) write_file(log, bytes);
  return damaged;
}

void set_version(const std::string& log, std::uint32_t version) {
  std::string bytes = read_file(log);
  demand(bytes.size() >= ipc::kLogHeaderSize, "read " + log);
  for (std::size_t byte = 0; byte < 4; ++byte) {
    bytes[kVersionAt + byte] = static_cast<char>(version >> (8 * byte));
  }
  write_file(log, bytes);
}

}  // namespace charter::tests
