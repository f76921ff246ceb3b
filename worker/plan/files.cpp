#include "worker/plan/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

#include "ipc/unique_fd.h"
#include "worker/json/python.h"
#include "worker/yaml/reader.h"

namespace charter::worker {
namespace {

constexpr std::size_t kMaxFile = 64U << 20;  // far over what any reader of them takes

Failure os_failure(int error, const std::string& path) {
  return internal("[Errno " + std::to_string(error) + "] " + std::strerror(error) + ": " +
                  repr(std::string_view(path)));
}

ipc::FileIdentity identity_of(const std::string& path, const struct stat& info) {
  return {path, info.st_dev, info.st_ino,
          std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec,
          static_cast<std::uint64_t>(info.st_size)};
}

}  // namespace

std::string naming(const std::string& path, const std::string& fault) {
  return fault.starts_with("'utf-8' codec") ? path + ": " + fault : fault;
}

void Files::remember(ipc::FileIdentity identity) {
  if (seen_.insert(identity.path).second) reads_.push_back(std::move(identity));
}

Outcome<std::string> Files::read(const std::string& path) {
  // Never blocks: a pipe in a file's place is read as empty.
  const ipc::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat info {};
  if (!fd || ::fstat(fd.get(), &info) != 0) {
    const int error = errno;
    remember(ipc::identify(path));
    return os_failure(error, path);
  }
  remember(identity_of(path, info));
  if (S_ISDIR(info.st_mode)) return os_failure(EISDIR, path);
  std::string bytes;
  std::array<char, 1U << 16> buffer{};
  for (;;) {
    const ssize_t count = ::read(fd.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return os_failure(errno, path);
    if (count == 0) return bytes;
    bytes.append(buffer.data(), static_cast<std::size_t>(count));
    if (bytes.size() > kMaxFile) return os_failure(EFBIG, path);
  }
}

boost::system::result<Value, FileFault> Files::read_yaml_file(const std::string& path) {
  const Outcome<std::string> text = read(path);
  if (!text) return FileFault{FileFault::Kind::unreadable, text.error().text};
  auto value = read_yaml(*text, path, false);
  if (value) return std::move(*value);
  const bool document = value.error().kind == YamlError::Kind::document;
  return FileFault{document ? FileFault::Kind::document : FileFault::Kind::value,
                   naming(path, value.error().text)};
}

bool Files::is_file(const std::string& path) {
  struct stat info {};
  const bool there = ::stat(path.c_str(), &info) == 0;
  remember(there ? identity_of(path, info) : ipc::identify(path));
  return there && S_ISREG(info.st_mode);
}

bool Files::is_directory(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

std::vector<std::string> Files::list(const std::string& path) {
  remember(ipc::identify(path));
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(path.c_str()), ::closedir);
  if (!directory) return names;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace charter::worker
