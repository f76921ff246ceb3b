#include "ipc/layout.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>

#include "ipc/short_name.h"
#include "ipc/unique_fd.h"

namespace charter::ipc {

std::string hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  char hex[17];
  std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(hash));
  return hex;
}

namespace {

bool is_alphanumeric(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

std::string joined(const std::string& directory, std::string_view name,
                   std::string_view suffix = {}) {
  std::string path = directory;
  path += '/';
  path += name;
  path += suffix;
  return path;
}

std::string without_trailing_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Makes sure of a directory and, when it had to be created, of its entry.
Result<void> make_directory(const std::string& path, mode_t mode) {
  if (::mkdir(path.c_str(), mode) == 0) return sync_directory(parent_of(path));
  const int failure = errno;
  struct stat info {};
  if (failure == EEXIST && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
  errno = failure == EEXIST ? ENOTDIR : failure;
  return errno_error("create directory " + path);
}

Result<void> make_parents(const std::string& path) {
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    if (auto made = make_directory(path.substr(0, at), 0755); !made) return made;
  }
  return {};
}

// Makes sure of the entries of directories that were found: whoever made them may have died before
// it synced them. One that this user may not read cannot be opened for it.
Result<void> sync_found(const std::string& path) {
  if (::access(path.c_str(), R_OK) != 0 && errno == EACCES) return {};
  return sync_directory(path);
}

// The same from `path` upwards as far as it can have been us who made them: this user's, on one
// file system, and below `root`.
Result<void> sync_ancestors(const std::string& path, const std::string& root) {
  struct stat below {};
  if (::stat(path.c_str(), &below) != 0) return errno_error("look at " + path);
  for (std::string at = path; at != "/" && at != "." && at != root;) {
    at = parent_of(at);
    if (auto synced = sync_found(at); !synced) return synced;
    struct stat info {};
    if (::stat(at.c_str(), &info) != 0) return errno_error("look at " + at);
    if (info.st_uid != ::geteuid() || info.st_dev != below.st_dev) break;
  }
  return {};
}

// Makes sure of a directory that only this user can enter. A link or another owner's directory in
// its place is refused: /tmp is everybody's.
Result<void> make_private_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return errno_error("create directory " + path);
  }
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return errno_error("look at " + path);
  if (!S_ISDIR(info.st_mode)) return plain_error(path + " is not a directory");
  if (info.st_uid != ::geteuid()) {
    return plain_error(path + " belongs to uid " + std::to_string(info.st_uid));
  }
  if ((info.st_mode & 0777U) != 0700) return plain_error(path + " has not mode 0700");
  return {};
}

std::string own_in_tmp() { return "/tmp/charter-daemon-" + std::to_string(::geteuid()); }

// Where private directories may be put: the session's runtime directory when it is ours and short
// enough for a socket below it, else /tmp.
std::string runtime_base() {
  constexpr std::size_t kLongest = 48;
  const char* session = std::getenv("XDG_RUNTIME_DIR");
  if (session != nullptr && *session == '/') {
    const std::string directory = without_trailing_slashes(session);
    struct stat info {};
    if (directory.size() <= kLongest && ::stat(directory.c_str(), &info) == 0 &&
        S_ISDIR(info.st_mode) && info.st_uid == ::geteuid() &&
        ::access(directory.c_str(), W_OK | X_OK) == 0) {
      return directory + "/charter-daemon";
    }
  }
  return own_in_tmp();
}

}  // namespace

bool valid_run_id(std::string_view id) {
  if (id.empty() || id.size() > 128 || !is_alphanumeric(id.front())) return false;
  for (const char c : id) {
    if (!is_alphanumeric(c) && c != '.' && c != '_' && c != '-') return false;
  }
  return true;
}

Layout::Layout(std::string root, std::string data_dir)
    : root_(without_trailing_slashes(std::move(root))),
      data_dir_(data_dir.empty() ? joined(charter_dir(), "daemon")
                                 : without_trailing_slashes(std::move(data_dir))) {}

std::string Layout::charter_dir() const { return joined(root_ == "/" ? "" : root_, ".charter"); }
std::string Layout::runs_dir() const { return joined(charter_dir(), "runs"); }
std::string Layout::state_file(std::string_view run) const {
  return joined(runs_dir(), run, ".json");
}
std::string Layout::artifacts_dir(std::string_view run) const {
  return joined(runs_dir(), run, ".artifacts");
}
std::string Layout::kv_file() const { return joined(charter_dir(), "kv.json"); }
std::string Layout::kv_lock() const { return joined(charter_dir(), "kv.lock"); }
std::string Layout::venv_bin() const { return joined(charter_dir(), ".venv/bin"); }
std::string Layout::default_socket() const { return joined(charter_dir(), "daemon.sock"); }
std::string Layout::project_lock() const { return joined(charter_dir(), "daemon.lock"); }

std::string Layout::daemon_lock() const { return joined(data_dir_, "lock"); }
std::string Layout::boot_record() const { return joined(data_dir_, "boot"); }
std::string Layout::journals_mark() const { return joined(data_dir_, "syncing"); }
std::string Layout::ledger_dir() const { return joined(data_dir_, "ledger"); }
std::string Layout::journals_dir() const { return joined(data_dir_, "journals"); }
std::string Layout::journal(std::string_view run) const {
  return joined(journals_dir(), run, ".cj");
}
std::string Layout::blobs_dir(std::string_view run) const {
  return joined(journals_dir(), run, ".blobs");
}
std::string Layout::kill_note(std::string_view run) const {
  return joined(journals_dir(), run, ".kill");
}
std::string Layout::run_log(std::string_view run) const {
  return joined(journals_dir(), run, ".log");
}
std::string Layout::output_segment(std::string_view run, unsigned which) const {
  return joined(journals_dir(), run, which == 0 ? ".out0" : ".out1");
}
std::string Layout::output_draft(std::string_view run) const {
  return joined(journals_dir(), run, ".out.new");
}
std::string Layout::requests_dir() const { return joined(data_dir_, "requests"); }

Result<std::string> Layout::runtime_dir() const {
  const std::string base = runtime_base();
  if (auto made = make_private_directory(base); !made) return made.error();
  const std::string directory = joined(base, hash_of(data_dir_));
  if (auto made = make_private_directory(directory); !made) return made.error();
  return directory;
}

std::string Layout::scratch_base() const {
  return joined(own_in_tmp(), hash_of(data_dir_), ".tmp");
}
std::string Layout::scratch(std::string_view run) const {
  return joined(scratch_base(), hash_of(run));
}
Result<void> Layout::create_scratch_base() const {
  if (auto made = make_private_directory(own_in_tmp()); !made) return made;
  return make_private_directory(scratch_base());
}

Result<void> Layout::create_runs_dir() const {
  for (const std::string& path : {charter_dir(), runs_dir()}) {
    if (auto made = make_directory(path, 0755); !made) return made;
  }
  for (const std::string& path : {root_, charter_dir()}) {
    if (auto synced = sync_found(path); !synced) return synced;
  }
  return {};
}

Result<void> Layout::create() const {
  if (auto made = create_runs_dir(); !made) return made;
  if (auto made = make_parents(data_dir_); !made) return made;
  for (const std::string& path : {data_dir_, ledger_dir(), journals_dir(), requests_dir()}) {
    if (auto made = make_directory(path, 0700); !made) return made;
  }
  if (auto synced = sync_found(data_dir_); !synced) return synced;
  return sync_ancestors(data_dir_, root_);
}

std::string hand_off_socket(const Layout& layout) {
  const char* named = std::getenv("CHARTER_DAEMON_SOCKET");
  if (named == nullptr || *named == '\0') return layout.default_socket();
  if (*named == '/') return named;
  return joined(layout.root() == "/" ? "" : layout.root(), named);
}

Result<void> sync_directory(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return errno_error("open directory " + path);
  if (::fsync(fd.get()) != 0) return errno_error("sync directory " + path);
  return {};
}

}  // namespace charter::ipc
