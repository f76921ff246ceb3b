// The job a worker process finds on descriptor 4.
#pragma once

#include "ipc/error.h"
#include "ipc/job.h"

namespace charter::worker {

// May be read again, by a process that takes this one's place.
[[nodiscard]] ipc::Result<ipc::Job> read_job();

// Whether the descriptors a supervisor gives a worker are there; false for people who call it.
[[nodiscard]] bool has_descriptors();

}  // namespace charter::worker
