#include "worker/steps/exporting.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <optional>

#include "ipc/job.h"
#include "ipc/layout.h"
#include "ipc/unique_fd.h"
#include "worker/json/python.h"
#include "worker/plan/paths.h"
#include "worker/sandbox/confinement.h"
#include "worker/steps/outputs.h"

namespace charter::worker {
namespace {

ipc::Error os_error(int code, const std::string& path) {
  const char* text = ::strerrordesc_np(code);
  return ipc::plain_error("[Errno " + std::to_string(code) + "] " +
                          (text == nullptr ? "Unknown error" : text) + ": " +
                          repr(std::string_view(path)));
}

bool is_link(const std::string& path) {
  struct stat found = {};
  return ::lstat(path.c_str(), &found) == 0 && S_ISLNK(found.st_mode);
}

bool is_directory(const std::string& path) {
  struct stat found = {};
  return ::stat(path.c_str(), &found) == 0 && S_ISDIR(found.st_mode);
}

// The file the step means; nothing when it lies outside, be it by way of a link, also one to
// nothing yet, which whoever creates the file would follow.
std::optional<std::string> destination(const std::string& root, std::string_view path) {
  if (path.starts_with('/')) return std::nullopt;
  std::string place = root;
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), part.size() + 1));
    if (part == "..") return std::nullopt;
    if (part.empty() || part == ".") continue;
    place = join(place, part);
    if (!is_link(place)) continue;
    const auto real = resolve(place, root);
    if (!real || !is_inside(real->path, root)) return std::nullopt;
  }
  return place;
}

ipc::Result<void> make_directories(const std::string& directory) {
  const std::string above = parent(directory);
  if (::mkdir(directory.c_str(), 0777) == 0) return ipc::sync_directory(above);
  const int code = errno;
  if (code == ENOENT && above != directory) {
    if (auto made = make_directories(above); !made) return made;
    return make_directories(directory);
  }
  if (is_directory(directory)) return {};
  return os_error(code, directory);
}

// Where the file is now, whatever links led to it.
std::string place_of(int file) {
  std::array<char, PATH_MAX> place{};
  const std::string link = "/proc/self/fd/" + std::to_string(file);
  const ssize_t size = ::readlink(link.c_str(), place.data(), place.size());
  return size > 0 ? std::string(place.data(), static_cast<std::size_t>(size)) : std::string();
}

// What sandboxed steps do not see, nobody writes for them.
bool is_barred(const std::string& place) {
  const Confinement* confinement = children_confinement();
  return confinement != nullptr && confinement->hides(place);
}

// A file that is still the project's is emptied only once that is sure: a program of the run's may
// have put a link in its way since it was looked for.
ipc::Result<void> write_file(const std::string& path, const std::string& root,
                             const std::string& escapes, std::string_view bytes) {
  const ipc::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY, 0666));
  if (!file) return os_error(errno, path);
  const std::string place = place_of(file.get());
  if (!is_inside(place, root) || is_barred(place)) return ipc::plain_error(escapes);
  if (::ftruncate(file.get(), 0) != 0 && errno != EINVAL) return os_error(errno, path);
  if (!ipc::write_all(file.get(), bytes)) return os_error(errno, path);
  // What cannot be synced (a pipe, a device) holds nothing that could be lost.
  if (::fdatasync(file.get()) != 0 && errno != EINVAL && errno != EROFS) {
    return os_error(errno, path);
  }
  return ipc::sync_directory(parent(path));
}

}  // namespace

ipc::Result<Object> export_output(const Step& step, const RunState& state,
                                  const std::string& root) {
  const std::string who = "Export step '" + step.id_text() + "': ";
  const Value* payload = state.find_output(step.export_input);
  if (payload == nullptr) {
    return ipc::plain_error(who + "input '" + step.export_input + "' not found in prior outputs");
  }
  const auto real_root = resolve(root, "/");
  if (!real_root) return os_error(ELOOP, root);
  const auto file = destination(real_root->path, step.export_path);
  const std::string escapes = who + "path '" + step.export_path + "' escapes the export directory";
  if (!file || is_barred(*file)) return ipc::plain_error(escapes);
  if (auto made = make_directories(parent(*file)); !made) return made.error();
  if (step.export_content_type && step.export_content_type->starts_with("text/") &&
      !payload->is_string()) {
    return ipc::plain_error(who + "content_type '" + *step.export_content_type +
                            "' requires a string payload, got " + std::string(type_name(*payload)));
  }
  const std::string text =
      payload->is_string() ? decode_lossy(payload->as_string()) : dump(*payload, kStateFile);
  if (auto written = write_file(*file, real_root->path, escapes, text); !written) {
    return written.error();
  }
  Object outputs;
  if (!step.outputs.empty()) outputs.set(step.outputs.front().name, Value(*file));
  return outputs;
}

}  // namespace charter::worker
