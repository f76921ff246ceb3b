#include "worker/stores/blobs.h"

#include <fcntl.h>
#include <unistd.h>

#include <utility>

#include "ipc/job.h"
#include "ipc/layout.h"
#include "ipc/regular_file.h"
#include "worker/stores/directories.h"

namespace charter::worker {
namespace {

ipc::Result<void> write_durably(const std::string& path, std::string_view bytes) {
  // A file of this name is what a burst that died before its checkpoint has left.
  const auto file = ipc::open_regular(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
  if (!file) return file.error();
  if (!ipc::write_all(file->get(), bytes)) return ipc::errno_error("write " + path);
  if (::fdatasync(file->get()) != 0) return ipc::errno_error("sync " + path);
  return {};
}

}  // namespace

ipc::Result<ipc::Checkpoint> make_checkpoint(const std::string& directory, std::uint64_t number,
                                             std::string step_id, std::string outputs) {
  ipc::Checkpoint checkpoint;
  checkpoint.step_id = std::move(step_id);
  if (outputs.size() < kBlobBytes) {
    checkpoint.outputs = std::move(outputs);
    return checkpoint;
  }
  checkpoint.blob = std::to_string(number) + ".json";
  checkpoint.blob_size = outputs.size();
  if (auto made = make_named_directory(directory, 0700); !made) return made.error();
  if (auto put = write_durably(directory + "/" + checkpoint.blob, outputs); !put) {
    return put.error();
  }
  if (auto synced = ipc::sync_directory(directory); !synced) return synced.error();
  return checkpoint;
}

}  // namespace charter::worker
