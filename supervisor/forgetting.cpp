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
    const bool ours = registry_.find_finished(order.run_id) != nullptr ||
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
  half_forgotten_.erase(order.run_id);
  Registry::Forgotten forgotten = registry_.forget(order.run_id);
  // The disk may take the journal of a held run at last: it must not come to an end meanwhile.
  const std::shared_ptr<Burst> burst =
      forgotten.run ? std::exchange(forgotten.run->burst, nullptr) : nullptr;
  registry_.reserve(order.run_id);  // until its files are gone
  ledger_.append({0, ipc::Forgotten{order.run_id}},
                 [this, id = order.run_id, forgotten = std::move(forgotten), burst,
                  done = std::move(done)](const ipc::Result<void>& kept) {
                   if (!kept) {
                     registry_.release(id);
                     registry_.put_back(forgotten);
                     if (forgotten.run) forgotten.run->burst = burst;
                     if (forgotten.run) put_back_(forgotten.run);
                     return done(refusal_of(kept.error()));
                   }
                   registry_.forgotten(id);
                   auto result = std::make_shared<ipc::Result<void>>();
                   disk_.run(
                       [this, id, result] {
                         std::string root = nested_project(layout_, id);
                         if (root.empty()) root = layout_.root();
                         // Until the disk has forgotten it, too, its state file stands for the
                         // id, and this can be asked for again.
                         *result = remove_run_files(layout_, id);
                         if (*result) *result = ipc::sync_directory(layout_.journals_dir());
                         const std::string state = ipc::Layout(root).state_file(id);
                         if (*result && ::unlink(state.c_str()) != 0 && errno != ENOENT) {
                           *result = ipc::errno_error("remove " + state);
                         }
                       },
                       [this, id, result, done] {
                         if (!*result) {
                           half_forgotten_.insert(id);
                           return done(refusal_of(result->error()));
                         }
                         registry_.release(id);
                         log::info("Run forgotten: run_id={}", id);
                         done(std::nullopt);
                       });
                 });
}

}  // namespace charter::supervisor
