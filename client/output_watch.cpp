#include "client/output_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <variant>

#include "client/project_runs.h"
#include "ipc/codec.h"
#include "ipc/lock.h"
#include "ipc/regular_file.h"

namespace charter::client {
namespace {

constexpr int kLongestMs = 1000;
constexpr int kUnwatchedMs = 200;

Failure failure_of(const ipc::Error& error) { return {kExitOther, error.message()}; }

}  // namespace

// True when there is a journal to read.
Expected<bool> RunEndWatch::open() {
  if (journal_) return true;
  const std::string path = layout_.journal(run_);
  auto file = ipc::open_regular(path, O_RDONLY);
  if (!file && file.error().code == std::errc::no_such_file_or_directory) return false;
  if (!file) return failure_of(file.error());
  const auto fine = ipc::check_log_header(file->get(), ipc::LogKind::journal);
  // One that is just being made.
  if (!fine && fine.error().code == std::errc::no_message_available) return false;
  if (!fine) return failure_of(fine.error());
  journal_ = std::move(*file);
  reader_.emplace(journal_.get());
  return true;
}

Expected<bool> RunEndWatch::over() {
  const auto opened = open();
  if (!opened) return opened.error();
  if (!*opened) {
    const auto state = read_state_file(layout_, run_);
    const std::string status = state ? state->text("status") : "";
    return status == "completed" || status == "failed" || status == "cancelled";
  }
  while (!ended_) {
    const auto next = reader_->next();
    if (!next) return failure_of(next.error());
    if (next->outcome == ipc::LogReader::Outcome::end) return false;
    if (next->outcome == ipc::LogReader::Outcome::damaged) continue;
    const auto frame = ipc::decode_journal_frame(next->payload);
    ended_ = frame && std::holds_alternative<ipc::Terminal>(frame->body);
  }
  const auto locked = ipc::is_locked(journal_.get());
  if (!locked) return failure_of(locked.error());
  return !*locked;
}

OutputWatch::OutputWatch(const ipc::Layout& layout, std::vector<std::string> runs)
    : layout_(layout), runs_(std::move(runs)) {
  changes_.reset(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!changes_) return;
  directory_ = ::inotify_add_watch(changes_.get(), layout_.journals_dir().c_str(),
                                   IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
  watch_files();
}

// One that is watched already stays as it is.
void OutputWatch::watch_files() {
  for (const std::string& run : runs_) {
    for (const std::string& path :
         {layout_.journal(run), layout_.output_segment(run, 0), layout_.output_segment(run, 1)}) {
      (void)::inotify_add_watch(changes_.get(), path.c_str(), IN_MODIFY | IN_CLOSE_WRITE);
    }
  }
}

void OutputWatch::wait(int longest_ms) {
  const bool watched = changes_ && directory_ >= 0;
  pollfd entry{changes_.get(), POLLIN, 0};
  const int limit = std::min(longest_ms, watched ? kLongestMs : kUnwatchedMs);
  if (::poll(&entry, watched ? 1 : 0, limit) <= 0) return;
  bool made = false;
  alignas(inotify_event) std::array<char, 16 * 1024> buffer;
  for (;;) {
    const ssize_t got = ::read(changes_.get(), buffer.data(), buffer.size());
    if (got <= 0) break;
    for (ssize_t at = 0; at < got;) {
      const auto* event = reinterpret_cast<const inotify_event*>(buffer.data() + at);
      made = made || event->wd == directory_ || (event->mask & IN_Q_OVERFLOW) != 0;
      at += static_cast<ssize_t>(sizeof(inotify_event) + event->len);
    }
  }
  if (made) watch_files();
}

}  // namespace charter::client
