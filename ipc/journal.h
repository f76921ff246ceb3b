// A run's journal: one log of JournalFrames, written by the run's worker while it holds the lock.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ipc/error.h"
#include "ipc/journal_frame.h"
#include "ipc/log_segment.h"
#include "ipc/unique_fd.h"

namespace charter::ipc {

// Of a run with which a burst can begin: its frame holds that and the burst's particulars.
inline constexpr std::size_t kMostStateOfBurst = kMaxFrameBytes - (1U << 20);

// What the frames of a journal say about the run: the last column of the recovery table.
struct JournalSummary {
  enum class Last { none, opened, step_open, checkpoint, paused, terminal };
  Last last = Last::none;
  bool step_begun = false;  // any step of the latest burst has begun
  std::uint32_t bursts = 0;
  std::uint64_t next_seq = 0;  // one behind the last event
  std::uint64_t frames = 0;
  std::uint64_t end = kLogHeaderSize;  // of the last whole frame
  std::uint32_t pauses = 0;
  bool decided = false;   // a gate was decided since the latest pause
  bool over = false;      // the last event leaves nothing to do but to tell the run's end
  std::string open_step;  // step_open: its id
  std::string status;     // as the events imply: running, paused, completed, failed, cancelled
  std::string error;      // of the last failure event
  std::optional<Opened> opened;        // the latest burst, without its state bytes
  std::optional<Pause> pause;          // the latest pause
  std::optional<Exit> exit;            // the latest burst's
  std::optional<Terminal> terminal;    // the first
  std::vector<StepProcess> processes;  // of the latest burst
  bool damaged = false;                // something in the middle was set aside
};

// Folds one frame into the summary. Pure; the same for live tailing and for recovery.
void fold(JournalSummary& summary, const JournalFrame& frame, std::uint64_t end);

// Reads a whole journal. A torn tail is not an error; `end` says where the whole frames end.
[[nodiscard]] Result<JournalSummary> summarize(int fd);

// Creates `path` with a header, mode 0600, close-on-exec, O_APPEND-free, not synced.
// Errors: EEXIST when there is one.
[[nodiscard]] Result<UniqueFd> create_journal(const std::string& path);
// Opens an existing journal for reading and writing, close-on-exec; checks header and version.
[[nodiscard]] Result<UniqueFd> open_journal(const std::string& path);

// Appends frames; the caller holds the journal's lock.
class Journal {
 public:
  // `fd` stays the caller's and must outlive this. `end` from summarize().
  static Result<Journal> attach(int fd, std::uint64_t end);

  // Buffers nothing: when it returns, the frames are in the file (not yet durable). On failure the
  // first of them may be, up to end(), as if the writer had been killed there: the supervisor reads
  // meanwhile, and what it has read must not go away.
  Result<void> append(std::span<const JournalFrame> frames);
  Result<void> append(const JournalFrame& frame);
  Result<void> sync();
  [[nodiscard]] std::uint64_t end() const { return writer_.end(); }

 private:
  explicit Journal(LogWriter writer) : writer_(writer) {}
  LogWriter writer_;
};

// Microseconds since the Unix epoch, for frames and people; never for deadlines.
[[nodiscard]] std::int64_t now_us();
// 2026-01-02T03:04:05.123456Z, the wire's form; the fraction vanishes when it is zero. A time
// outside of the years 0 to 9999 becomes the nearest within.
[[nodiscard]] std::string wire_time(std::int64_t us);
// In microseconds: 2026-01-02, 2026-01-02T03:04:05, with a fraction, with Z or +00:00; nothing for
// any other text.
[[nodiscard]] std::optional<std::int64_t> read_wire_time(std::string_view text);
// wire_time with +00:00, the state file's form.
[[nodiscard]] std::string file_time(std::int64_t us);

}  // namespace charter::ipc
