#include "tests/support/recorder/record_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace charter::tests {

RecordFile::RecordFile(const std::string& path)
    : fd_(open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {
  if (fd_ < 0) {
    std::perror(path.c_str());
    std::exit(1);
  }
}

RecordFile::~RecordFile() {
  flush();
  close(fd_);
}

void RecordFile::note(std::uint32_t connection, std::string_view text) {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  waiting_ += std::to_string(now.tv_sec * 1'000'000'000LL + now.tv_nsec);
  waiting_ += ' ';
  waiting_ += std::to_string(connection);
  waiting_ += ' ';
  waiting_ += text;
  waiting_ += '\n';
}

void RecordFile::flush() {
  std::string_view rest = waiting_;
  while (!rest.empty()) {
    const ssize_t done = write(fd_, rest.data(), rest.size());
    if (done <= 0) std::abort();
    rest.remove_prefix(static_cast<std::size_t>(done));
  }
  waiting_.clear();
}

}  // namespace charter::tests
