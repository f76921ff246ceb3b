#include "worker/journal_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "ipc/journal.h"

namespace charter::worker {

ipc::Result<Replay> read_journal() {
  struct stat info {};
  if (::fstat(ipc::kJournalFd, &info) != 0) return ipc::errno_error("look at the journal");
  if (static_cast<std::size_t>(info.st_size) == ipc::kLogHeaderSize) return Replay{};
  return replay_journal(ipc::kJournalFd);
}

ipc::Result<Recorder> open_recorder(const ipc::Job& job, const Replay& replay) {
  auto journal = ipc::Journal::attach(ipc::kJournalFd, replay.summary.end);
  if (!journal) return journal.error();
  ipc::Hello hello;
  hello.run_id = job.run_id;
  hello.secret = job.secret;
  hello.pid = ::getpid();
  return Recorder(std::move(*journal), ipc::Doorbell(job.doorbell, std::move(hello)), job.run_id,
                  std::max(job.next_seq, replay.summary.next_seq),
                  std::max(job.pauses, replay.summary.pauses));
}

}  // namespace charter::worker
