// Lines to and from a capability's process: its standard input and output, no reading that waits
// longer than it may, and no writing that waits for a process which itself waits to be read.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/error.h"
#include "ipc/unique_fd.h"
#include "worker/attention.h"

namespace charter::worker {

// A limit as errors show it.
[[nodiscard]] std::string in_words(std::int64_t milliseconds);

class Channel {
 public:
  enum class Outcome { line, closed, late, too_long };

  // `most_bytes`: what the process may answer in one line.
  Channel(Attention& attention, std::size_t most_bytes)
      : attention_(attention), most_bytes_(most_bytes) {}

  // Starts the program, its standard error being `errors`, or this process's own when that is none.
  // `arguments` has the program first, as it was asked for. Errors are the step's.
  ipc::Result<pid_t> start(std::vector<std::string> arguments, std::vector<std::string> environment,
                           const ipc::UniqueFd& errors);

  // Takes a process over that has been started already.
  void adopt(pid_t pid, ipc::UniqueFd process, ipc::UniqueFd input, ipc::UniqueFd output);

  // Sends lines, or none, and waits for one, which it puts into `answer`; what it has not taken yet
  // by then goes with the next. A process that has ended, or closed its output, has closed the
  // channel.
  Outcome exchange(std::string_view lines, std::int64_t deadline_ms, std::string& answer);

  // Tells the process that nothing more will come; true when it ends by the deadline.
  bool close(std::int64_t deadline_ms);

  // Ends the process: at once, since one cannot talk to it any more, or with time to leave in.
  void abandon();
  void leave();

  [[nodiscard]] bool ended() const;
  [[nodiscard]] pid_t pid() const { return pid_; }
  // To its whole group, as long as it lives and leads it: then the number is its own.
  void signal(int signal) const;
  [[nodiscard]] bool await_end(std::int64_t deadline_ms);

 private:
  bool take_line(std::string& answer);
  void write_some();
  enum class Read { some, nothing, end };
  Read read_some();

  Attention& attention_;
  std::size_t most_bytes_;
  ipc::UniqueFd input_;    // of the process, for writing
  ipc::UniqueFd output_;   // of the process, for reading
  ipc::UniqueFd process_;  // pidfd
  pid_t pid_ = 0;
  std::string unsent_;
  std::size_t sent_ = 0;  // of it
  std::string received_;
  std::size_t searched_ = 0;  // no line end before this
};

}  // namespace charter::worker
