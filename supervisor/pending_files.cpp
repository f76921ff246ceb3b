#include "supervisor/pending_files.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>

#include "ipc/job.h"
#include "ipc/regular_file.h"
#include "ipc/unique_fd.h"
#include "supervisor/log.h"
#include "supervisor/run_files.h"

namespace charter::supervisor {
namespace {

constexpr std::chrono::milliseconds kPatience{5};

// Never replaces a file: whoever wrote one already knows better.
ipc::Result<void> place_state_file(const std::string& directory, const std::string& path,
                                   const std::string& bytes) {
  std::string unfinished = directory + "/tmpXXXXXX.tmp";
  const ipc::UniqueFd file(::mkostemps(unfinished.data(), 4, O_CLOEXEC));
  if (!file) return ipc::errno_error("create a state file");
  ipc::Result<void> written;
  if (!ipc::write_all(file.get(), bytes)) written = ipc::errno_error("write a state file");
  if (written &&
      ::renameat2(AT_FDCWD, unfinished.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0) {
    if (errno != EEXIST) written = ipc::errno_error("place " + path);
    ::unlink(unfinished.c_str());
    return written;
  }
  if (!written) ::unlink(unfinished.c_str());
  return written;
}

}  // namespace

PendingFiles::PendingFiles(boost::asio::any_io_executor executor, SyncThread& disk,
                           const ipc::Layout& layout, std::function<void(const RunPtr&)> written)
    : disk_(disk), layout_(layout), written_(std::move(written)), timer_(std::move(executor)) {}

// A run without a first state has a file already, or its engine makes it.
void PendingFiles::expect(const RunPtr& run) {
  if (run->state_bytes.empty() && run->state_path.empty()) return;
  due_.push_back({BootClock::now() + kPatience, run});
  arm();
}

void PendingFiles::arm() {
  if (armed_ || due_.empty()) return;
  armed_ = true;
  timer_.expires_at(due_.front().at);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    armed_ = false;
    tick();
  });
}

void PendingFiles::tick() {
  const auto now = BootClock::now();
  while (!due_.empty() && due_.front().at <= now) {
    const RunPtr run = due_.front().run.lock();
    due_.pop_front();
    if (run != nullptr && run->state == RunState::queued) write(run);
  }
  arm();
}

void PendingFiles::write(const RunPtr& run) {
  ++run->files_busy;
  auto result = std::make_shared<ipc::Result<void>>();
  const ipc::Layout layout = run->layout(layout_);
  disk_.run(
      [result, directory = layout.runs_dir(), path = layout.state_file(run->id),
       bytes = run->state_bytes, source = run->state_path] {
        if (source.empty()) {
          *result = place_state_file(directory, path, bytes);
          return;
        }
        const auto file = ipc::open_regular(source, O_RDONLY);
        auto large = file ? ipc::read_all(file->get(), kStateLimit) : file.error();
        *result = large ? place_state_file(directory, path, *large) : large.error();
      },
      [this, run, result] {
        --run->files_busy;
        if (!*result) log::warning("Run {}: {}", run->id, result->error().message());
        written_(run);
      });
}

}  // namespace charter::supervisor
