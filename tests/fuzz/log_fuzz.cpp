// Recovery of a log and of a journal from any bytes: what is read is whole frames in order, and
// the file can be written on behind the last of them. The input is a program that writes the
// file, so that checksums are right where it wants them to be.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

#include "check.h"
#include "ipc/codec.h"
#include "ipc/journal.h"
#include "ipc/log_segment.h"

namespace {

using namespace charter::ipc;

class Input {
 public:
  Input(const std::uint8_t* bytes, std::size_t size)
      : bytes_(reinterpret_cast<const char*>(bytes), size) {}
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  std::size_t number() { return static_cast<unsigned char>(take(1).front()); }
  std::string take(std::size_t size) {
    std::string taken(bytes_.substr(0, size));
    taken.resize(size, '\0');
    bytes_.remove_prefix(std::min(size, bytes_.size()));
    return taken;
  }

 private:
  std::string_view bytes_;
};

JournalFrame some_frame(Input& input) {
  const std::size_t number = input.number();
  const std::string step = input.take(number % 5);
  switch (number % 8) {
    case 0:
      return {1, Opened{"r", static_cast<std::uint32_t>(number), "start", 1, 2, "b", "", "{}", 3}};
    case 1:
      return {1, Event{"r", number, "StepStartEvent", step, 0, false, "{}"}};
    case 2:
      return {1, Event{"r", number, "GateDecisionEvent", step, 0, false, input.take(20)}};
    case 3:
      return {1, Intent{step, 1, "shell"}};
    case 4:
      return {1, Checkpoint{step, "{}", "", 0}};
    case 5:
      return {1, Pause{1, step, 1, 2, 3, 4}};
    case 6:
      return {1, Exit{"signal", 9, 0, -1, 0, {}, false}};
    default:
      return {1, Terminal{"failed", "", {}}};
  }
}

// Writes a file as the input says: whole frames, journal frames, raw bytes, cuts and flips.
void write_as_told(int fd, Input input) {
  CHARTER_CHECK(write_log_header(fd, LogKind::journal));
  while (!input.empty()) {
    const auto end = static_cast<std::uint64_t>(::lseek(fd, 0, SEEK_END));
    const std::size_t what = input.number();
    const std::size_t amount = input.number();
    if (what % 8 < 4) {
      if (end % 8 != 0) CHARTER_CHECK(::ftruncate(fd, static_cast<off_t>((end + 7) / 8 * 8)) == 0);
      auto writer = LogWriter::open(fd, (end + 7) / 8 * 8);
      CHARTER_CHECK(writer);
      const std::string payload =
          what % 8 < 2 ? encode(some_frame(input)) : input.take(8 * (1 + amount % 16));
      CHARTER_CHECK(writer->append(std::vector<std::string>{payload}));
    } else if (what % 8 < 6) {
      const std::string raw = input.take(amount);
      CHARTER_CHECK(::pwrite(fd, raw.data(), raw.size(), static_cast<off_t>(end)) >= 0);
    } else if (end > kLogHeaderSize) {
      const std::uint64_t room = end - kLogHeaderSize;
      const auto at = static_cast<off_t>(end - 1 - (amount * 257 + what) % room);
      if (what % 8 == 6) {
        CHARTER_CHECK(::ftruncate(fd, at) == 0);
      } else {
        char byte = 0;
        CHARTER_CHECK(::pread(fd, &byte, 1, at) == 1);
        byte = static_cast<char>(byte ^ (1 << (what >> 5)));
        CHARTER_CHECK(::pwrite(fd, &byte, 1, at) == 1);
      }
    }
  }
}

std::uint64_t check_frames(int fd) {
  std::uint64_t frames = 0;
  std::uint64_t at = kLogHeaderSize;
  LogReader reader(fd);
  for (;;) {
    const auto next = reader.next();
    CHARTER_CHECK(next);
    CHARTER_CHECK(next->place.offset == at);
    if (next->outcome == LogReader::Outcome::end) return frames;
    CHARTER_CHECK(next->place.end > at && next->place.end % 8 == 0);
    at = next->place.end;
    if (next->outcome == LogReader::Outcome::damaged) continue;
    CHARTER_CHECK(next->payload.size() + 16 == next->place.end - next->place.offset);
    CHARTER_CHECK(reinterpret_cast<std::uintptr_t>(next->payload.data()) % 8 == 0);
    ++frames;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const UniqueFd fd(::memfd_create("fuzz", MFD_CLOEXEC));
  write_as_told(fd.get(), Input(bytes, size));
  const std::uint64_t frames = check_frames(fd.get());
  const auto summary = summarize(fd.get());
  CHARTER_CHECK(summary && summary->frames == frames);

  auto journal = Journal::attach(fd.get(), summary->end);
  CHARTER_CHECK(journal);
  CHARTER_CHECK(journal->append(JournalFrame{1, Terminal{"failed", "", {}}}));
  const auto after = summarize(fd.get());
  CHARTER_CHECK(after && after->frames == frames + 1 && after->end == journal->end());
  CHARTER_CHECK(after->last == JournalSummary::Last::terminal);
  return 0;
}
