#include "tests/support/flushed_disk.h"

#include <algorithm>
#include <cstring>

namespace charter::tests {
namespace {

constexpr std::size_t kSector = 512;
constexpr std::string_view kDeleted = " (deleted)";

std::string directory_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

// The path that an argument of a *at call and its directory name.
std::string absolute(const std::string& directory, const std::string& path) {
  return path.starts_with('/') ? path : annotation(directory) + "/" + path;
}

bool coin(std::uint32_t& random) {
  random = random * 1664525U + 1013904223U;
  return (random >> 24U & 1U) != 0;
}

void put(std::string& file, std::size_t offset, std::string_view bytes) {
  if (file.size() < offset + bytes.size()) file.resize(offset + bytes.size());
  std::memcpy(file.data() + offset, bytes.data(), bytes.size());
}

// What is written of a file reaches the disk by whole sectors, as the processes see them: what a
// failed sync has lost of a sector comes along when somebody writes to that again.
void put_sectors(std::string& file, const std::string& seen, std::size_t from, std::size_t to) {
  from = from / kSector * kSector;
  to = std::min((to + kSector - 1) / kSector * kSector, seen.size());
  if (from < to) put(file, from, std::string_view(seen).substr(from, to - from));
}

}  // namespace

bool FlushedDisk::is_mine(std::string_view path) const {
  return path.starts_with(root_) && (path.size() == root_.size() || path[root_.size()] == '/');
}

std::optional<FlushedDisk::File> FlushedDisk::find(const std::string& path) const {
  if (const auto named = names_.find(path); named != names_.end()) return named->second;
  if (const auto gone = unnamed_.find(path); gone != unnamed_.end()) return gone->second;
  return std::nullopt;
}

void FlushedDisk::take(const TracedCall& call) {
  const std::string& name = call.name;
  const auto& with = call.arguments;
  if (call.result < 0 && name != "fdatasync") return;
  if (name == "openat") {
    if (is_mine(call.made)) open(call);
  } else if (name == "write" || name == "pwrite64" || name == "pwritev" || name == "writev") {
    if (is_mine(annotation(with[0]))) write(call);
  } else if (name == "ftruncate") {
    truncate(call, annotation(with[0]), static_cast<std::size_t>(number(with[1])));
  } else if (name == "truncate") {
    truncate(call, quoted_text(with[0]), static_cast<std::size_t>(number(with[1])));
  } else if (name == "fsync" || name == "fdatasync") {
    if (is_mine(annotation(with[0]))) sync(call);
  } else if (name == "linkat") {
    link(call);
  } else if (name == "rename" || name == "renameat" || name == "renameat2") {
    rename(call);
  } else if (name == "unlink" || name == "rmdir") {
    remove(call, quoted_text(with[0]));
  } else if (name == "unlinkat") {
    remove(call, absolute(with[0], quoted_text(with[1])));
  } else if (name == "mkdir") {
    make_directory(call, quoted_text(with[0]));
  } else if (name == "link" || name == "mkdirat" || name == "creat") {
    strangers_.push_back(name);
  }
}

void FlushedDisk::name(const TracedCall& call, std::string directory, std::vector<Names> names) {
  for (const Names& one : names) {
    if (const auto old = names_.find(one.path); old != names_.end()) {
      unnamed_[one.path + std::string(kDeleted)] = old->second;
      names_.erase(old);
    }
  }
  for (const Names& one : names) {
    if (one.file) names_[one.path] = *one.file;
  }
  Change change;
  change.at = call.ended;
  change.directory = std::move(directory);
  change.names = std::move(names);
  changes_.push_back(std::move(change));
  moments_.push_back(call.ended);
}

void FlushedDisk::open(const TracedCall& call) {
  const std::string& flags = call.arguments[2];
  const auto has = [&flags](const char* flag) { return flags.find(flag) != std::string::npos; };
  if (has("O_DIRECTORY") && !has("O_TMPFILE")) return;
  auto file = find(call.made);
  if (has("O_TMPFILE")) {
    file = sizes_.size();
    sizes_.push_back(0);
    unnamed_[call.made] = *file;
    tmpfiles_[{call.thread, call.result}] = *file;
  } else if (!file && has("O_CREAT")) {
    file = sizes_.size();
    sizes_.push_back(0);
    name(call, directory_of(call.made), {{call.made, file}});
  } else if (file && has("O_TRUNC")) {
    truncate(call, call.made, 0);
  }
  if (file && !has("O_APPEND")) positions_[{call.thread, call.result}] = 0;
  if (file && has("O_APPEND")) positions_.erase({call.thread, call.result});
}

void FlushedDisk::write(const TracedCall& call) {
  const auto file = find(annotation(call.arguments[0]));
  if (!file) {
    strangers_.push_back(call.name + " to " + annotation(call.arguments[0]));
    return;
  }
  Change change;
  change.at = call.ended;
  change.file = *file;
  writers_.try_emplace({*file, call.thread}, call.ended);
  change.bytes = quoted_text(call.arguments[1]).substr(0, static_cast<std::size_t>(call.result));
  if (call.name.starts_with("pwrite")) {
    change.offset = static_cast<std::size_t>(number(call.arguments[3]));
  } else {
    // A descriptor that was inherited is a log's, which is appended to.
    const auto position = positions_.find({call.thread, number(call.arguments[0])});
    change.offset = position == positions_.end() ? sizes_[*file] : position->second;
    if (position != positions_.end()) position->second += change.bytes.size();
  }
  sizes_[*file] = std::max(sizes_[*file], change.offset + change.bytes.size());
  changes_.push_back(std::move(change));
  moments_.push_back(call.ended);
}

void FlushedDisk::truncate(const TracedCall& call, const std::string& path, std::size_t size) {
  if (!is_mine(path)) return;
  const auto file = find(path);
  if (!file) {
    strangers_.push_back(call.name + " of " + path);
    return;
  }
  if (sizes_[*file] == size) return;
  sizes_[*file] = size;
  Change change;
  change.at = call.ended;
  change.file = *file;
  change.truncates = true;
  change.offset = size;
  changes_.push_back(std::move(change));
  moments_.push_back(call.ended);
}

void FlushedDisk::sync(const TracedCall& call) {
  const std::string path = annotation(call.arguments[0]);
  const auto file = find(path);
  if (!file && path != root_) {
    strangers_.push_back(call.name + " of " + path);
    return;
  }
  Sync sync{call.begun, call.ended, {}, 0, call.result < 0, call.thread};
  if (!file || *file == kDirectory) {
    sync.directory = path;
  } else {
    sync.file = *file;
  }
  syncs_.push_back(std::move(sync));
  moments_.push_back(call.ended);
}

// Of files without a name, through /proc/self/fd.
void FlushedDisk::link(const TracedCall& call) {
  const std::string to = absolute(call.arguments[2], quoted_text(call.arguments[3]));
  if (!is_mine(to)) return;
  const std::string from = quoted_text(call.arguments[1]);
  const long descriptor = number(from.substr(from.rfind('/') + 1));
  const auto file = tmpfiles_.find({call.thread, descriptor});
  if (!from.starts_with("/proc/self/fd/") || file == tmpfiles_.end()) {
    strangers_.push_back("a link to " + from);
    return;
  }
  name(call, directory_of(to), {{to, file->second}});
}

void FlushedDisk::rename(const TracedCall& call) {
  const auto& with = call.arguments;
  if (call.name == "rename")
    return rename_names(call, quoted_text(with[0]), quoted_text(with[1]), false);
  rename_names(call, absolute(with[0], quoted_text(with[1])),
               absolute(with[2], quoted_text(with[3])),
               with.size() > 4 && with[4].find("RENAME_EXCHANGE") != std::string::npos);
}

void FlushedDisk::rename_names(const TracedCall& call, const std::string& from,
                               const std::string& to, bool exchange) {
  const auto file = find(from);
  if (!is_mine(from) || !file) return;  // a socket
  const std::optional<File> other = exchange ? find(to) : std::nullopt;
  name(call, directory_of(to), {{from, other}, {to, file}});
}

void FlushedDisk::remove(const TracedCall& call, const std::string& path) {
  if (is_mine(path) && names_.contains(path)) name(call, directory_of(path), {{path, {}}});
}

void FlushedDisk::make_directory(const TracedCall& call, const std::string& path) {
  if (is_mine(path)) name(call, directory_of(path), {{path, kDirectory}});
}

// The kernel tells every open description of a failed sync, and whoever is told writes again;
// strace tells one. So the next sync of another that had written by then makes up for the failed
// one.
bool FlushedDisk::makes_up(const Sync& sync, const Sync& failed) const {
  if (sync.failed || sync.thread == failed.thread || sync.ended <= failed.ended) return false;
  const auto writer = writers_.find({sync.file, sync.thread});
  if (writer == writers_.end() || writer->second > failed.ended) return false;
  return std::ranges::none_of(syncs_, [&](const Sync& earlier) {
    return earlier.thread == sync.thread && earlier.file == sync.file &&
           earlier.ended > failed.ended && earlier.ended < sync.ended;
  });
}

void FlushedDisk::finish() {
  for (Change& change : changes_) {
    const Sync* failed = nullptr;
    for (const Sync& sync : syncs_) {
      const bool covers = change.names.empty() ? sync.directory.empty() && sync.file == change.file
                                               : sync.directory == change.directory;
      if (!covers || sync.begun <= change.at) continue;
      Moment& end = sync.failed ? change.dropped : change.durable;
      if (sync.failed && sync.ended < end) failed = &sync;
      end = std::min(end, sync.ended);
    }
    if (!change.names.empty() || change.durable < change.dropped) change.dropped = kNever;
    if (change.dropped == kNever) continue;
    change.durable = kNever;
    for (const Sync& sync : syncs_) {
      if (sync.directory.empty() && sync.file == change.file && makes_up(sync, *failed)) {
        change.durable = std::min(change.durable, sync.ended);
      }
    }
  }
}

std::size_t FlushedDisk::dropped() const {
  return static_cast<std::size_t>(std::ranges::count_if(changes_, [](const Change& change) {
    return change.dropped != kNever && change.durable == kNever;
  }));
}

void FlushedDisk::apply(const Change& change, Loss loss, bool last, Drawing& drawing) {
  auto& [random, names, files, seen, stale] = drawing;
  const bool whole = loss == Loss::nothing || (loss == Loss::torn && !last);
  if (!change.names.empty()) {
    if (loss == Loss::unsynced || (loss == Loss::mixed && !coin(random))) return;
    for (const Names& one : change.names) names.erase(one.path);
    for (const Names& one : change.names) {
      if (one.file) names[one.path] = *one.file;
    }
    return;
  }
  std::string& file = files[change.file];
  if (change.truncates) {
    if (loss != Loss::unsynced && (whole || coin(random))) file.resize(change.offset);
    return;
  }
  const std::string& now = seen[change.file];
  const std::size_t full = change.offset + change.bytes.size();
  if (whole) return put_sectors(file, now, change.offset, full);
  if (loss == Loss::unsynced) return;
  // Sector by sector: up to a boundary, or each by itself.
  const std::size_t size = file.size();
  bool keeps = true;
  for (std::size_t at = change.offset; at < full;) {
    const std::size_t end = std::min((at / kSector + 1) * kSector, full);
    const std::pair sector(change.file, at / kSector);
    keeps = loss == Loss::mixed ? !stale.contains(sector) && coin(random) : keeps && coin(random);
    if (!keeps) stale.insert(sector);  // whoever writes it later writes all of it
    if (keeps) put_sectors(file, now, at, end);
    at = end;
  }
  // The size may have reached the disk without the bytes.
  if (loss == Loss::mixed && full > size && coin(random)) file.resize(std::max(file.size(), full));
}

FlushedDisk::Image FlushedDisk::image(Moment at, Loss loss, std::uint32_t seed) const {
  Drawing drawing;
  auto& [random, names, files, seen, stale] = drawing;
  random = seed * 2654435761U + 1;
  names[root_] = kDirectory;
  std::map<File, const Change*> last;  // write that is not durable
  for (const Change& change : changes_) {
    const bool pending = change.at <= at && change.durable > at && change.dropped > at;
    if (pending && change.names.empty()) last[change.file] = &change;
  }
  for (const Change& change : changes_) {
    if (change.at > at) break;
    if (change.names.empty()) {
      std::string& now = seen[change.file];
      if (change.truncates) {
        now.resize(change.offset);
      } else {
        put(now, change.offset, change.bytes);
      }
    }
    const bool is_last = change.names.empty() && last[change.file] == &change;
    if (change.dropped <= at && at < change.durable) {
      // Of what it should have written the disk may have the size.
      std::string& file = files[change.file];
      const std::size_t size =
          change.truncates ? change.offset : change.offset + change.bytes.size();
      const bool grown = loss == Loss::nothing || (loss == Loss::mixed && coin(random));
      if (grown && size > file.size()) file.resize(size);
      continue;
    }
    apply(change, change.durable <= at ? Loss::nothing : loss, is_last, drawing);
  }
  Image image;
  for (const auto& [path, file] : names) {
    if (path == root_) continue;
    const std::string above = directory_of(path);
    const auto parent = image.find(above);
    if (above != root_ && (parent == image.end() || parent->second)) continue;
    image[path] = file == kDirectory ? std::nullopt : std::optional(files[file]);
  }
  return image;
}

}  // namespace charter::tests
