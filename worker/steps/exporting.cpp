#include "worker/steps/exporting.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>

#include "ipc/layout.h"
#include "ipc/unique_fd.h"
#include "worker/json/python.h"
#include "worker/steps/outputs.h"

namespace charter::worker {
namespace {

namespace fs = std::filesystem;

ipc::Error os_error(int code, const std::string& path) {
  const char* text = ::strerrordesc_np(code);
  return ipc::plain_error("[Errno " + std::to_string(code) + "] " +
                          (text == nullptr ? "Unknown error" : text) + ": " +
                          repr(std::string_view(path)));
}

bool is_below(const fs::path& path, const fs::path& root) {
  const auto relative = path.lexically_relative(root);
  return !relative.empty() && *relative.begin() != "..";
}

// Where a link leads, also one to nothing yet, which whoever creates the file would follow.
std::optional<fs::path> end_of_link(fs::path link) {
  constexpr int kMostLinks = 40;
  std::error_code failed;
  for (int followed = 0; followed < kMostLinks; ++followed) {
    if (!fs::is_symlink(link, failed)) {
      fs::path end = fs::weakly_canonical(link, failed);
      return failed ? std::nullopt : std::optional<fs::path>(std::move(end));
    }
    const fs::path target = fs::read_symlink(link, failed);
    if (failed) return std::nullopt;
    link = link.parent_path() / target;
  }
  return std::nullopt;
}

// The file the step means; nothing when it lies outside, be it by way of a link.
std::optional<fs::path> destination(const fs::path& root, const std::string& path) {
  if (path.starts_with('/')) return std::nullopt;
  fs::path place = root;
  for (const fs::path& part : fs::path(path)) {
    if (part == "..") return std::nullopt;
    if (part.empty() || part == ".") continue;
    place /= part;
    std::error_code ignored;
    if (!fs::is_symlink(place, ignored)) continue;
    const auto real = end_of_link(place);
    if (!real || !is_below(*real, root)) return std::nullopt;
  }
  return place;
}

ipc::Result<void> make_directories(const fs::path& directory) {
  if (::mkdir(directory.c_str(), 0777) == 0) {
    return ipc::sync_directory(directory.parent_path().string());
  }
  const int code = errno;
  if (code == ENOENT && directory.has_relative_path()) {
    if (auto above = make_directories(directory.parent_path()); !above) return above;
    return make_directories(directory);
  }
  std::error_code ignored;
  if (fs::is_directory(directory, ignored)) return {};
  return os_error(code, directory.string());
}

ipc::Result<void> write_file(const fs::path& path, std::string_view bytes) {
  const ipc::UniqueFd file(
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666));
  if (!file) return os_error(errno, path.string());
  while (!bytes.empty()) {
    const ssize_t put = ::write(file.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return os_error(errno, path.string());
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  // What cannot be synced (a pipe, a device) holds nothing that could be lost.
  if (::fdatasync(file.get()) != 0 && errno != EINVAL && errno != EROFS) {
    return os_error(errno, path.string());
  }
  return ipc::sync_directory(path.parent_path().string());
}

}  // namespace

ipc::Result<Object> export_output(const Step& step, const RunState& state,
                                  const std::string& root) {
  const std::string who = "Export step '" + step.id_text() + "': ";
  const Value* payload = state.find_output(step.export_input);
  if (payload == nullptr) {
    return ipc::plain_error(who + "input '" + step.export_input + "' not found in prior outputs");
  }
  std::error_code failed;
  const fs::path real_root = fs::canonical(root, failed);
  if (failed) return os_error(failed.value(), root);
  const auto file = destination(real_root, step.export_path);
  if (!file) {
    return ipc::plain_error(who + "path '" + step.export_path + "' escapes the export directory");
  }
  if (auto made = make_directories(file->parent_path()); !made) return made.error();
  if (step.export_content_type && step.export_content_type->starts_with("text/") &&
      !payload->is_string()) {
    return ipc::plain_error(who + "content_type '" + *step.export_content_type +
                            "' requires a string payload, got " + std::string(type_name(*payload)));
  }
  const std::string text =
      payload->is_string() ? decode_lossy(payload->as_string()) : dump(*payload, kStateFile);
  if (auto written = write_file(*file, text); !written) return written.error();
  Object outputs;
  if (!step.outputs.empty()) outputs.set(step.outputs.front().name, Value(file->string()));
  return outputs;
}

}  // namespace charter::worker
