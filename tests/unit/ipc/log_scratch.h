// What the tests of logs share.
#pragma once

#include <fcntl.h>

#include <random>
#include <string>
#include <vector>

#include "ipc/log_segment.h"
#include "scratch.h"

namespace charter::ipc {

// A payload of `words` words that looks like nothing else.
inline std::string payload(std::size_t words, unsigned seed) {
  std::mt19937_64 random(seed);
  std::string bytes;
  for (std::size_t i = 0; i < words; ++i) {
    const std::uint64_t word = random();
    bytes.append(reinterpret_cast<const char*>(&word), sizeof word);
  }
  return bytes;
}

class LogScratch : public Scratch {
 protected:
  UniqueFd new_log(LogKind kind = LogKind::journal) {
    UniqueFd fd(::open(path("log").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    EXPECT_TRUE(write_log_header(fd.get(), kind));
    return fd;
  }

  // Every payload a reader finds, and how often it met damage.
  struct Found {
    std::vector<std::string> payloads;
    int damages = 0;
    std::uint64_t end = 0;
  };
  static Found read_to_end(int fd) {
    Found found;
    LogReader reader(fd);
    for (;;) {
      const auto next = reader.next();
      if (!next) {
        ADD_FAILURE() << next.error().message();
        return found;
      }
      if (next->outcome == LogReader::Outcome::end) break;
      if (next->outcome == LogReader::Outcome::damaged) {
        ++found.damages;
      } else {
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(next->payload.data()) % 8, 0U);
        found.payloads.emplace_back(next->payload);
        found.end = next->place.end;
      }
    }
    return found;
  }

  static void append(int fd, const std::vector<std::string>& payloads) {
    auto writer = LogWriter::open(fd, static_cast<std::uint64_t>(::lseek(fd, 0, SEEK_END)));
    ASSERT_TRUE(writer) << writer.error().message();
    ASSERT_TRUE(writer->append(payloads));
  }
};

}  // namespace charter::ipc
