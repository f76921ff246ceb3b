#include "worker/endings.h"

#include <string.h>
#include <unistd.h>

#include "ipc/full_disk.h"

namespace charter::worker {

int journal_exit(const ipc::Error& error) {
  return ipc::is_full_disk(error) ? kExitFull : kExitJournal;
}

std::string describe_exit(int code) {
  switch (code) {
    case kExitFull:
      return "the disk is full";
    case kExitJournal:
      return "its journal could not be read or written";
    case kExitJob:
      return "its job was malformed or did not fit its journal";
    default:
      return "exit code " + std::to_string(code);
  }
}

std::string describe_signal(int signal) {
  const char* name = ::sigabbrev_np(signal);
  const std::string number = "signal " + std::to_string(signal);
  return name == nullptr ? number : number + " (SIG" + name + ")";
}

void log_line(const std::string& text) {
  const std::string line = "charter-worker: " + text + "\n";
  // Nothing can be done about a log that takes no line.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace charter::worker
