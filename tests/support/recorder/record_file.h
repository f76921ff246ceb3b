// The recorder's output: lines appended to one file, written in blocks.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace charter::tests {

class RecordFile {
 public:
  // Appends to what is there, so a restarted recorder goes on in the same file.
  explicit RecordFile(const std::string& path);
  ~RecordFile();
  RecordFile(const RecordFile&) = delete;
  RecordFile& operator=(const RecordFile&) = delete;

  void note(std::uint32_t connection, std::string_view text);
  // Hands everything to the kernel; it then survives this process.
  void flush();

 private:
  int fd_;
  std::string waiting_;
};

}  // namespace charter::tests
