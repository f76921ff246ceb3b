// A compressed archive of small texts, made in memory: ustar within gzip.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace charter::supervisor {

class TarGz {
 public:
  // `when`: of all files in it, in seconds since 1970.
  explicit TarGz(std::int64_t when) : when_(when) {}

  // `name`: relative, at most 99 bytes. The file's mode is 0600.
  void add(std::string_view name, std::string_view text);
  // The whole archive. Throws std::bad_alloc only.
  [[nodiscard]] std::string finish();

 private:
  std::int64_t when_;
  std::string tar_;
};

}  // namespace charter::supervisor
