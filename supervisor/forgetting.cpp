#include "supervisor/forgetting.h"

#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <utility>

#include "ipc/lock.h"
#include "ipc/unique_fd.h"
#include "supervisor/file_run.h"
#include "supervisor/log.h"
#include "supervisor/run_files.h"

namespace charter::supervisor {
namespace {

bool has_worker(const std::string& journal) {
  const ipc::UniqueFd file(::open(journal.c_str(), O_RDWR | O_CLOEXEC));
  if (!file) return false;
  const auto locked = ipc::is_locked(file.get());
  return !locked || *locked;
}

// Until the rest is gone durably its state file stands for the id, and this can be asked for again.
ipc::Result<void> remove_durably(const ipc::Layout& layout, const std::string& root,
                                 const std::string& id) {
  if (auto removed = remove_run_files(layout, id); !removed) return removed;
  if (auto synced = ipc::sync_directory(layout.journals_dir()); !synced) return synced;
  const ipc::Layout home(root);
  const std::string state = home.state_file(id);
  if (::unlink(state.c_str()) != 0 && errno != ENOENT) return ipc::errno_error("remove " + state);
  auto synced = ipc::sync_directory(home.runs_dir());
  const bool none = !synced && synced.error().code == std::errc::no_such_file_or_directory;
  return none ? ipc::Result<void>() : synced;  // its project is gone
}

}  // namespace

std::optional<Refusal> Forgetting::check(const Order& order) const {
  if (!ipc::valid_run_id(order.run_id)) {
    return Refusal{"invalid_run_id",
                   fmt::format("Invalid run id: it must match {}", ipc::kRunIdRule)};
  }
  // Another request is about to take it on, or has not forgotten it yet.
  if (registry_.is_reserved(order.run_id) && !half_forgotten_.contains(order.run_id)) {
    return Refusal{"unknown_run", fmt::format("No run '{}'", order.run_id)};
  }
  const std::string journal = layout_.journal(order.run_id);
  const RunPtr run = registry_.find(order.run_id);
  if (run == nullptr) {
    const bool ours = half_forgotten_.contains(order.run_id) ||
                      registry_.find_finished(order.run_id) != nullptr ||
                      Registry::has_used_journal(layout_, order.run_id);
    const auto refusal = ours ? std::nullopt : refuse_to_forget_file(layout_, order.run_id);
    if (refusal) return refusal;
  } else if (run->state != RunState::finished && run->state != RunState::held) {
    return Refusal{"still_active",
                   fmt::format("Run '{}' is not over ({}): end it first with 'charter-daemon kill'",
                               order.run_id, name_of(run->state))};
  }
  if (has_worker(journal)) {
    return Refusal{"still_active", fmt::format("A worker of run '{}' lives", order.run_id)};
  }
  const std::uint64_t missing =
      run == nullptr ? 0 : run->progress.next_seq - run->delivery.confirmed_seq;
  if (missing > 0 && !order.undelivered) {
    return Refusal{"undelivered", fmt::format("The gateway does not have the last {} events of run "
                                              "'{}'; they would be lost",
                                              missing, order.run_id)};
  }
  return std::nullopt;
}

void Forgetting::forget(const Order& order, Done done) {
  if (auto refusal = check(order)) return done(refusal);
  const auto half = half_forgotten_.extract(order.run_id);
  const std::string root = half.empty() ? std::string() : half.mapped();
  Registry::Forgotten forgotten = registry_.forget(order.run_id);
  // The disk may take the journal of a held run at last: it must not come to an end meanwhile.
  const std::shared_ptr<Burst> burst =
      forgotten.run ? std::exchange(forgotten.run->burst, nullptr) : nullptr;
  registry_.reserve(order.run_id);  // until its files are gone
  ledger_.append({0, ipc::Forgotten{order.run_id}},
                 [this, id = order.run_id, root, forgotten = std::move(forgotten), burst,
                  done = std::move(done)](const ipc::Result<void>& kept) {
                   if (kept) {
                     registry_.forgotten(id);
                     return remove_files(id, root, done);
                   }
                   if (!root.empty()) {
                     half_forgotten_.emplace(id, root);
                   } else {
                     registry_.release(id);
                     registry_.put_back(forgotten);
                     if (forgotten.run) forgotten.run->burst = burst;
                     if (forgotten.run) put_back_(forgotten.run);
                   }
                   done(refusal_of(kept.error()));
                 });
}

// `root`: of its project, where an earlier try has found it out; empty: its journal tells.
void Forgetting::remove_files(const std::string& id, std::string root, Done done) {
  struct Removal {
    std::string root;
    ipc::Result<void> result;
  };
  const auto removal = std::make_shared<Removal>(Removal{std::move(root), {}});
  disk_.run(
      [this, id, removal] {
        std::string& home = removal->root;
        if (home.empty()) home = nested_project(layout_, id);
        if (home.empty()) home = layout_.root();
        removal->result = remove_durably(layout_, home, id);
      },
      [this, id, removal, done = std::move(done)] {
        if (!removal->result) {
          half_forgotten_.emplace(id, removal->root);
          return done(refusal_of(removal->result.error()));
        }
        registry_.release(id);
        log::info("Run forgotten: run_id={}", id);
        done(std::nullopt);
      });
}

}  // namespace charter::supervisor
