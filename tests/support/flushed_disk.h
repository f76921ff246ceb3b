// A disk that honours flush, and what may be on it after a loss of power: everything that was
// synced, and of the rest whatever the test chooses.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/call_trace.h"

namespace charter::tests {

enum class Loss {
  nothing,   // the cache had just been written
  unsynced,  // nothing of it
  torn,      // the last unsynced write of each file ends at a 512-byte boundary
  mixed,     // each name and each sector of 512 bytes by itself: later ones kept, earlier ones lost
};

class FlushedDisk {
 public:
  // What lies below `root`, of which nothing exists when the calls begin.
  explicit FlushedDisk(std::string root) : root_(std::move(root)) {}

  // In the order of their ends. Calls that do not concern the disk, or failed, change nothing, but
  // for a sync of a file: what that should have written is lost, and the next one that succeeds
  // writes what was written since, by whole sectors.
  void take(const TracedCall& call);
  // When all are taken.
  void finish();

  // Ends of calls that changed or synced something.
  [[nodiscard]] const std::vector<Moment>& moments() const { return moments_; }
  // Writes that a failed sync has lost for good.
  [[nodiscard]] std::size_t dropped() const;
  // Calls that could not be understood: a test with any proves nothing.
  [[nodiscard]] const std::vector<std::string>& strangers() const { return strangers_; }

  // Paths below the root with their bytes; nothing for a directory.
  using Image = std::map<std::string, std::optional<std::string>>;
  [[nodiscard]] Image image(Moment at, Loss loss, std::uint32_t seed) const;

 private:
  using File = std::size_t;
  static constexpr File kDirectory = 0;
  static constexpr Moment kNever = ~Moment{0};

  struct Names {  // put where something of this name was, or removed
    std::string path;
    std::optional<File> file;
  };
  struct Change {
    Moment at = 0;
    Moment durable = kNever;
    Moment dropped = kNever;
    std::string directory;     // whose sync makes it durable; empty: the file's
    std::vector<Names> names;  // of a change of names
    File file = 0;             // of a change of bytes
    bool truncates = false;
    std::size_t offset = 0;  // or the size
    std::string bytes;
  };
  struct Sync {
    Moment begun = 0;
    Moment ended = 0;
    std::string directory;
    File file = 0;
    bool failed = false;
    int thread = 0;
  };

  void open(const TracedCall& call);
  void write(const TracedCall& call);
  void truncate(const TracedCall& call, const std::string& path, std::size_t size);
  void sync(const TracedCall& call);
  void link(const TracedCall& call);
  void rename(const TracedCall& call);
  void rename_names(const TracedCall& call, const std::string& from, const std::string& to,
                    bool exchange);
  void remove(const TracedCall& call, const std::string& path);
  void make_directory(const TracedCall& call, const std::string& path);
  void name(const TracedCall& call, std::string directory, std::vector<Names> names);
  [[nodiscard]] bool is_mine(std::string_view path) const;
  [[nodiscard]] std::optional<File> find(const std::string& path) const;
  struct Drawing {  // an image on its way
    std::uint32_t random = 0;
    std::map<std::string, File> names;
    std::map<File, std::string> files;
    std::map<File, std::string> seen;              // by the processes
    std::set<std::pair<File, std::size_t>> stale;  // sectors that have lost a write
  };
  [[nodiscard]] bool makes_up(const Sync& sync, const Sync& failed) const;
  static void apply(const Change& change, Loss loss, bool last, Drawing& drawing);

  std::string root_;
  std::vector<Change> changes_;
  std::vector<Sync> syncs_;
  std::vector<Moment> moments_;
  std::vector<std::string> strangers_;
  std::map<std::string, File> names_;    // as the processes see them now
  std::map<std::string, File> unnamed_;  // "... (deleted)", as descriptors of them are shown
  std::vector<std::size_t> sizes_{0};
  using Descriptor = std::pair<int, long>;  // of a thread
  std::map<Descriptor, std::size_t> positions_;
  std::map<Descriptor, File> tmpfiles_;
  std::map<std::pair<File, int>, Moment> writers_;  // threads, with their first write to a file
};

}  // namespace charter::tests
