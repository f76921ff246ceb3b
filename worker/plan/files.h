// Files as preparation reads them: every one that was looked at is remembered with its identity,
// because the verdict holds only while all of them stay as they are.
#pragma once

#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "ipc/prepare.h"
#include "worker/json/value.h"
#include "worker/plan/failure.h"

namespace charter::worker {

// Why a YAML file gave no value: it could not be read, is no document, or has a scalar without a
// value. The text is the reference's.
struct FileFault {
  enum class Kind { unreadable, document, value };
  Kind kind = Kind::unreadable;
  std::string text;
};

// What is wrong with the file, with its path where only that tells which it is: of bytes that are
// no text Python's words do not say where they are.
[[nodiscard]] std::string naming(const std::string& path, const std::string& fault);

class Files {
 public:
  // A whole file. A failure has Python's text of the error ("[Errno 2] No such file or directory:
  // '/a/plan.yml'").
  [[nodiscard]] Outcome<std::string> read(const std::string& path);

  // A YAML document; null for an empty one. Errors name the path.
  [[nodiscard]] boost::system::result<Value, FileFault> read_yaml_file(const std::string& path);

  // Follow links; what cannot be looked at is none. Directories are not remembered here: theirs
  // change with everything put into them.
  [[nodiscard]] bool is_file(const std::string& path);
  [[nodiscard]] static bool is_directory(const std::string& path);
  // Remembers where a path leads, so that a link that comes to lead elsewhere is noticed.
  void watch(const std::string& path) { remember(ipc::identify(path)); }
  // What is found out besides is of this moment only.
  void forget_soon() { remember({"", 0, 1, 0, 0}); }
  // The names in a directory, sorted; none when it cannot be read.
  [[nodiscard]] std::vector<std::string> list(const std::string& path);

  // What was looked at, each path once.
  [[nodiscard]] std::vector<ipc::FileIdentity> reads() const { return reads_; }

 private:
  void remember(ipc::FileIdentity identity);
  std::vector<ipc::FileIdentity> reads_;
  std::unordered_set<std::string> seen_;
};

}  // namespace charter::worker
