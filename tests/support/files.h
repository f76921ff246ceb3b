// Files of a test: a directory of its own, and whole-file reads and writes.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace charter::tests {

// A fresh directory, removed with everything in it unless CHARTER_TEST_KEEP is set.
class TempDir {
 public:
  explicit TempDir(std::string_view name = "charter-test");
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string operator/(std::string_view name) const {
    return path_ + "/" + std::string(name);
  }

 private:
  std::string path_;
};

// The file's bytes; empty when there is none.
[[nodiscard]] std::string read_file(const std::string& path);
// Replaces the file, making directories above it. Throws when it cannot.
void write_file(const std::string& path, std::string_view bytes);
[[nodiscard]] std::vector<std::string> lines_of(const std::string& path);
[[nodiscard]] bool exists(const std::string& path);
// Permission bits of what `path` names, links not followed; 0 when there is nothing.
[[nodiscard]] mode_t mode_of(const std::string& path);

}  // namespace charter::tests
