#include "supervisor/retention.h"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <utility>

#include "ipc/journal.h"
#include "ipc/open_directory.h"
#include "supervisor/freed_memory.h"
#include "supervisor/log.h"
#include "supervisor/run_files.h"

namespace charter::supervisor {
namespace {

constexpr std::size_t kBatch = 32;
constexpr std::chrono::milliseconds kBatchPause{200};
constexpr std::chrono::milliseconds kFirstLook{1000};
constexpr std::string_view kSuffixes[] = {".cj",  ".blobs", ".kill", ".kill.new",
                                          ".log", ".out0",  ".out1", ".out.new"};

// The run that a file of the journals' directory belongs to, or nothing.
std::string_view run_of(std::string_view name) {
  for (const std::string_view suffix : kSuffixes) {
    if (!name.ends_with(suffix)) continue;
    const std::string_view run = name.substr(0, name.size() - suffix.size());
    if (ipc::valid_run_id(run)) return run;
  }
  return {};
}

// Of the files of a run's large outputs.
std::uint64_t bytes_in(const std::string& directory) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::uintmax_t size = entry->file_size(error);
    if (!error) bytes += size;
  }
  return bytes;
}

}  // namespace

Retention::Retention(boost::asio::any_io_executor executor, SyncThread& disk, Ledger& ledger,
                     const ipc::Layout& layout, const Registry& registry,
                     RetentionSettings settings)
    : disk_(disk),
      ledger_(ledger),
      layout_(layout),
      registry_(registry),
      settings_(settings),
      timer_(std::move(executor)),
      started_us_(ipc::now_us()) {}

void Retention::start() { look_after(std::min(kFirstLook, settings_.interval)); }

std::int64_t Retention::now_us() const {
  const auto elapsed = BootClock::now() - started_;
  return started_us_ + std::chrono::duration_cast<std::chrono::microseconds>(elapsed).count();
}

void Retention::look_after(std::chrono::milliseconds time) {
  timer_.expires_after(time);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    due_.empty() ? look() : remove_some();
  });
}

void Retention::look() {
  auto found = std::make_shared<std::vector<Kept>>();
  disk_.run(
      [found, directory = layout_.journals_dir()] {
        const ipc::DirectoryStream open = ipc::open_directory(directory);
        if (!open) return;
        std::map<std::string, Kept, std::less<>> runs;
        while (const dirent* entry = ::readdir(open.get())) {
          const std::string_view run = run_of(entry->d_name);
          struct stat info = {};
          if (run.empty() ||
              ::fstatat(::dirfd(open.get()), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
            continue;
          }
          Kept& kept = runs.try_emplace(std::string(run), Kept{std::string(run)}).first->second;
          kept.changed_us = std::max<std::int64_t>(
              kept.changed_us, info.st_mtim.tv_sec * 1'000'000 + info.st_mtim.tv_nsec / 1000);
          kept.bytes += S_ISDIR(info.st_mode) ? bytes_in(directory + "/" + entry->d_name)
                                              : static_cast<std::uint64_t>(info.st_size);
        }
        found->reserve(runs.size());
        for (auto& [run, kept] : runs) found->push_back(std::move(kept));
        runs.clear();
        give_back_freed_memory();
      },
      [this, found] { judge(std::move(*found)); });
}

// A run that is in the registry is not over, not delivered, or held for a person.
void Retention::judge(std::vector<Kept> found) {
  std::erase_if(found, [this](const Kept& kept) {
    return registry_.find(kept.run) != nullptr || registry_.is_reserved(kept.run);
  });
  std::sort(found.begin(), found.end(),
            [](const Kept& one, const Kept& other) { return one.changed_us > other.changed_us; });
  const std::int64_t oldest =
      now_us() - std::chrono::duration_cast<std::chrono::microseconds>(settings_.age).count();
  std::uint64_t bytes = 0;
  for (Kept& kept : found) {
    bytes += kept.bytes;
    if (kept.changed_us <= oldest || bytes > settings_.bytes) due_.push_back(std::move(kept.run));
  }
  std::reverse(due_.begin(), due_.end());  // the oldest first
  if (!due_.empty()) log::info("Removing {} old journals", due_.size());
  due_.empty() ? look_after(settings_.interval) : remove_some();
}

// That they are over and delivered was only noted. A loss of power must not keep the removal and
// lose the note: such a run would look as if it had never begun.
void Retention::remove_some() {
  const std::size_t count = std::min(kBatch, due_.size());
  std::vector<std::string> runs(due_.begin(), due_.begin() + static_cast<std::ptrdiff_t>(count));
  due_.erase(due_.begin(), due_.begin() + static_cast<std::ptrdiff_t>(count));
  ledger_.sync_notes([this, runs = std::move(runs)](const ipc::Result<void>& durable) {
    if (durable) return remove(runs);
    log::warning("Old journals stay for now: {}", durable.error().message());
    due_.clear();
    look_after(settings_.interval);
  });
}

void Retention::remove(std::vector<std::string> runs) {
  // Its id may have been freed and given to a new run since.
  std::erase_if(runs, [this](const std::string& run) {
    return registry_.find(run) != nullptr || registry_.is_reserved(run);
  });
  auto problem = std::make_shared<std::string>();
  disk_.run(
      [this, runs = std::move(runs), problem, last = due_.empty()] {
        for (const std::string& run : runs) {
          if (auto removed = remove_run_files(layout_, run); !removed) {
            *problem = removed.error().message();
          }
        }
        if (last) give_back_freed_memory();
      },
      [this, problem] {
        if (!problem->empty()) log::warning("Cannot remove an old journal: {}", *problem);
        look_after(due_.empty() ? settings_.interval : kBatchPause);
      });
}

}  // namespace charter::supervisor
