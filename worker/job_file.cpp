#include "worker/job_file.h"

#include <fcntl.h>

namespace charter::worker {
namespace {

// A run's state travels in the job, and may hold large variables.
constexpr std::size_t kMostJobBytes = std::size_t{1} << 30;

}  // namespace

ipc::Result<ipc::Job> read_job() {
  const auto bytes = ipc::read_all(ipc::kJobFd, kMostJobBytes);
  if (!bytes) return bytes.error();
  return ipc::decode_job(*bytes);
}

bool has_descriptors() {
  return ::fcntl(ipc::kJournalFd, F_GETFD) >= 0 && ::fcntl(ipc::kJobFd, F_GETFD) >= 0;
}

}  // namespace charter::worker
