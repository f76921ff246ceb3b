#include "supervisor/state_mender.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <charconv>
#include <memory>
#include <utility>
#include <vector>

#include "ipc/job.h"
#include "ipc/json_scan.h"
#include "ipc/open_directory.h"
#include "ipc/peer.h"
#include "ipc/regular_file.h"
#include "ipc/text_file.h"
#include "supervisor/burst.h"
#include "supervisor/log.h"
#include "supervisor/run_files.h"

namespace charter::supervisor {
namespace {

constexpr std::string_view kJournalSuffix = ".cj";
constexpr std::size_t kLooksAtOnce = 32;  // then others get the loop
constexpr std::size_t kWorkersAtOnce = 4;
constexpr std::size_t kSmallFile = 4096;
constexpr std::int64_t kSlackSeconds = 60;

// How old what a file shows may be without being on disk, in seconds: the kernel writes back what
// has been dirty for a time that can be set.
std::int64_t longest_unwritten() {
  std::int64_t hundredths = 3000;
  const std::string text = ipc::text_of_file("/proc/sys/vm/dirty_expire_centisecs", kSmallFile);
  (void)std::from_chars(text.data(), text.data() + text.size(), hundredths);
  return 2 * hundredths / 100 + kSlackSeconds;
}

// The ids of the runs whose journals were written to last: only their files can be behind.
ipc::Result<std::deque<std::string>> latest_runs(const ipc::Layout& layout) {
  struct Journal {
    std::string id;
    std::int64_t written;
  };
  std::vector<Journal> journals;
  std::int64_t latest = 0;
  auto names = ipc::names_in(layout.journals_dir());
  if (!names) return names.error();
  for (std::string& id : *names) {
    if (!id.ends_with(kJournalSuffix)) continue;
    id.resize(id.size() - kJournalSuffix.size());
    struct stat info = {};
    if (!ipc::valid_run_id(id)) continue;
    const std::string journal = layout.journal(id);
    if (::stat(journal.c_str(), &info) != 0) {
      if (errno == ENOENT) continue;
      return ipc::errno_error("look at " + journal);
    }
    if (static_cast<std::uint64_t>(info.st_size) <= ipc::kLogHeaderSize) continue;
    latest = std::max<std::int64_t>(latest, info.st_mtim.tv_sec);
    journals.push_back({std::move(id), info.st_mtim.tv_sec});
  }
  std::deque<std::string> ids;
  const std::int64_t oldest = latest - longest_unwritten();
  for (Journal& journal : journals) {
    if (journal.written >= oldest) ids.push_back(std::move(journal.id));
  }
  return ids;
}

std::string member_text(const std::vector<ipc::JsonMember>& members, std::string_view name) {
  const ipc::JsonMember* member = ipc::find(members, name);
  return member == nullptr ? std::string() : ipc::json_string(member->raw).value_or("");
}

bool shows_an_end(const std::string& state_file) {
  const std::string text =
      ipc::text_of_file(state_file, kStateLimit);  // the members are views of it
  const auto members = ipc::scan_object(text, kStateLimits);
  if (!members) return false;
  const auto status = wire_status(member_text(*members, "status"));
  return status && is_terminal(*status);
}

}  // namespace

StateMender::StateMender(boost::asio::any_io_executor executor, const WorkerProgram& worker,
                         const ipc::Layout& layout, const Registry& registry, Spawner& spawner,
                         Launcher::Settings settings)
    : executor_(executor),
      layout_(layout),
      registry_(registry),
      launcher_(std::move(executor), worker, layout, spawner, no_sandbox_, std::move(settings),
                [this](const RunPtr& run, std::optional<int>) {
                  run->burst.reset();
                  mending_.erase(run);
                  mend_some();
                }),
      boot_id_(ipc::boot_id()) {}

void StateMender::look_back() {
  due_ = ipc::text_of_file(layout_.boot_record(), kSmallFile) != boot_id_;
  if (!due_) return;
  auto runs = latest_runs(layout_);
  if (runs) {
    to_look_at_ = std::move(*runs);
  } else {
    log::warning("State files are made good at the next start: {}", runs.error().message());
    unknown_ = true;
  }
}

void StateMender::start(std::function<void()> done) {
  done_ = std::move(done);
  if (unknown_) return;
  std::exchange(due_, false) ? look_at_some() : done_();
}

void StateMender::look_at_some() {
  for (std::size_t looks = 0; looks < kLooksAtOnce && !to_look_at_.empty(); ++looks) {
    const auto run = std::make_shared<Run>();
    run->id = std::move(to_look_at_.front());
    to_look_at_.pop_front();
    if (needs_mending(*run)) to_mend_.push_back(run);
  }
  if (to_look_at_.empty()) return mend_some();
  boost::asio::post(executor_, [this] { look_at_some(); });
}

// A run that is not over keeps its file itself, and one that is being forgotten needs none.
bool StateMender::is_over(const std::string& run) const {
  const RunPtr known = registry_.find(run);
  if (known != nullptr) return known->state == RunState::finished;
  return !registry_.is_reserved(run) && ::access(layout_.journal(run).c_str(), F_OK) == 0;
}

bool StateMender::needs_mending(Run& run) const {
  if (!is_over(run.id)) return false;
  run.project_root = nested_project(layout_, run.id);
  run.started_burst = true;  // its journal holds what a worker has to know
  return !shows_an_end(run.layout(layout_).state_file(run.id));
}

void StateMender::mend_some() {
  while (!to_mend_.empty() && mending_.size() < kWorkersAtOnce) {
    const RunPtr run = std::move(to_mend_.front());
    to_mend_.pop_front();
    if (is_over(run->id)) mend(run);  // others have had the loop meanwhile
  }
  if (mending_.empty()) finish();
}

void StateMender::mend(const RunPtr& run) {
  mending_.insert(run);
  LaunchOrder order;
  order.cause = Cause::project;
  launcher_.launch(run, order, [this, run](const std::optional<LaunchFault>& fault) {
    if (!fault) {
      ++mended_;
      return;
    }
    log::warning("The state file of run {} is not as it ended: {}", run->id,
                 fault->error.message());
    mending_.erase(run);
    boost::asio::post(executor_, [this] { mend_some(); });
  });
}

void StateMender::finish() {
  if (std::exchange(finished_, true)) return;
  if (mended_ > 0) log::info("State files made good after a loss of power: {}", mended_);
  const auto file = ipc::open_regular(layout_.boot_record(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
  const bool written = file && ::write(file->get(), boot_id_.data(), boot_id_.size()) ==
                                   static_cast<ssize_t>(boot_id_.size());
  if (!written) {
    const auto error = file ? ipc::errno_error("write " + layout_.boot_record()) : file.error();
    log::warning("{}", error.message());
  }
  done_();
}

}  // namespace charter::supervisor
