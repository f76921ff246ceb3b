#include "worker/project.h"

#include "worker/endings.h"
#include "worker/job_file.h"
#include "worker/journal_file.h"
#include "worker/projection.h"

namespace charter::worker {
namespace {

int give_up(int code, const ipc::Error& error) {
  log_line(error.message());
  return code;
}

}  // namespace

int project_main() {
  const auto job = read_job();
  if (!job) return give_up(kExitJob, job.error());
  const auto replay = read_journal();
  if (!replay) return give_up(kExitJournal, replay.error());
  auto recorder = open_recorder(*job, *replay);
  if (!recorder) return give_up(kExitJournal, recorder.error());
  Projection projection(*job, *replay, std::move(*recorder));
  if (auto done = projection.run(); !done) return give_up(kExitJournal, done.error());
  return kExitDone;
}

}  // namespace charter::worker
