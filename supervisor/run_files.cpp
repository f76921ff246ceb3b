#include "supervisor/run_files.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace charter::supervisor {
namespace {

ipc::Result<void> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return ipc::errno_error("remove " + path);
  return {};
}

}  // namespace

ipc::Result<void> remove_run_files(const ipc::Layout& layout, std::string_view run) {
  std::error_code error;
  const std::string blobs = layout.blobs_dir(run);
  std::filesystem::remove_all(blobs, error);
  if (error) return ipc::Error{error, "remove " + blobs};
  const std::string request = layout.requests_dir() + "/" + std::string(run) + ".json";
  for (const std::string& path :
       {request, layout.kill_note(run), layout.run_log(run), layout.journal(run)}) {
    if (auto removed = remove_file(path); !removed) return removed;
  }
  return {};
}

}  // namespace charter::supervisor
