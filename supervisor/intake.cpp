#include "supervisor/intake.h"

#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "ipc/full_disk.h"
#include "ipc/job.h"
#include "ipc/journal.h"
#include "ipc/regular_file.h"
#include "ipc/utf8.h"
#include "supervisor/launcher.h"
#include "supervisor/paused_state.h"

namespace charter::supervisor {
namespace {

constexpr std::size_t kStateInLedger = 64U << 10;  // a larger one has a file of its own

ipc::Result<void> write_request_file(const std::string& path, const std::string& bytes) {
  const auto file = ipc::open_regular(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (!file) return file.error();
  if (!ipc::write_all(file->get(), bytes)) return ipc::errno_error("write " + path);
  if (::fdatasync(file->get()) != 0) return ipc::errno_error("sync " + path);
  return {};
}

Refusal used_before(const std::string& id) {
  return {"duplicate_run_id",
          fmt::format("Run id '{}' was used before; an id names one run for ever", id)};
}

}  // namespace

// One request on its way. The files are made on the ledger's thread before the record that speaks
// of them is written, and belong to the run afterwards. Of a new run that is its state, when large:
// the journal can be made from the record. A run that is taken on waits, and what says so is a
// journal.
struct Intake::Pending {
  Order order;
  Done done;
  ipc::Accepted accepted;
  std::string journal_path;  // of a run that is taken on
  std::string state;         // of a large run: goes into state_path
  std::string state_path;
  std::string requests_dir;
  std::optional<ipc::Layout> nested;  // of a run of a project in the daemon's
  bool python = false;
  bool journal_made = false;
  std::optional<PausedState> paused;  // what a run taken on from its state file waits at

  ipc::Result<void> make_files() {
    if (nested) {
      if (auto made = nested->create_runs_dir(); !made) return made;
    }
    if (!state_path.empty()) {
      if (auto written = write_request_file(state_path, state); !written) return written;
      if (auto synced = ipc::sync_directory(requests_dir); !synced) return synced;
    }
    if (journal_path.empty()) return {};
    auto made = ipc::create_journal(journal_path);
    if (!made) return made.error();
    journal_made = true;
    return {};
  }
  void remove_files() const {
    if (journal_made) ::unlink(journal_path.c_str());
    if (!state_path.empty()) ::unlink(state_path.c_str());
  }
};

Refusal refusal_of(const ipc::Error& error) {
  if (ipc::is_full_disk(error)) {
    return {"disk_full", "The disk is full: " + error.message()};
  }
  return {"internal_error", error.message()};
}

Intake::Intake(const ipc::Layout& layout, Ledger& ledger, Registry& registry, Preparer& preparer,
               const SandboxPolicy& sandbox, std::function<void(const RunPtr&)> accepted)
    : layout_(layout),
      ledger_(ledger),
      registry_(registry),
      preparer_(preparer),
      sandbox_(sandbox),
      accepted_(std::move(accepted)) {}

std::optional<Refusal> Intake::check_id(const std::string& id) const {
  if (!ipc::valid_run_id(id)) {
    return Refusal{"invalid_run_id",
                   fmt::format("Invalid run id: it must match {}", ipc::kRunIdRule)};
  }
  switch (registry_.use_of(id)) {
    case Registry::IdUse::active:
      return Refusal{"duplicate_run_id",
                     fmt::format("Run '{}' is already managed by this daemon", id)};
    case Registry::IdUse::used_before:
      return used_before(id);
    case Registry::IdUse::free:
      break;
  }
  return std::nullopt;
}

void Intake::take(Order order, Done done) {
  auto pending = std::make_shared<Pending>();
  pending->order = std::move(order);
  pending->done = std::move(done);
  std::optional<Refusal> refusal = refuse_all_ ? refuse_all_ : refuse_new_;
  if (!refusal) refusal = check_id(pending->order.run_id);
  if (const auto none = sandbox_.refusal(pending->order.sandbox); none && !refusal) {
    refusal = Refusal{"no_sandbox", *none};
  }
  if (refusal) {
    pending->done({nullptr, std::move(refusal)});
    return;
  }
  registry_.reserve(pending->order.run_id);
  ipc::PrepareRequest& question = pending->order.question;
  sandbox_.put_into(question, pending->order.sandbox, layout_);
  preparer_.prepare(std::move(question),
                    [this, pending](const Verdict& verdict) { prepared(pending, verdict); });
}

void Intake::prepared(const std::shared_ptr<Pending>& pending, const Verdict& verdict) {
  if (!verdict->ok) {
    return refuse(pending, {verdict->code, verdict->message, verdict->prepared});
  }
  if (refuse_all_) return refuse(pending, *refuse_all_);
  if (refuse_new_) return refuse(pending, *refuse_new_);
  pending->python = verdict->python;
  if (!verdict->project_root.empty() && verdict->project_root != layout_.root()) {
    pending->nested.emplace(verdict->project_root, layout_.data_dir());
    if (Registry::has_state_file(*pending->nested, pending->order.run_id)) {
      return refuse(pending, used_before(pending->order.run_id));
    }
  }
  const bool ours = !pending->nested && !pending->order.sandbox;
  if (pending->python && ours && expect_python_) expect_python_();
  const std::int64_t now = ipc::now_us();
  ipc::Accepted accepted;
  accepted.workflow_id = verdict->workflow_id;
  accepted.workflow_path = verdict->workflow_path;
  if (!pending->order.retry_of.empty()) accepted.workflow_path = pending->order.workflow_path;
  accepted.started_at = ipc::wire_time(now);
  accepted.on_lost = pending->order.on_lost;
  accepted.retry_of = pending->order.retry_of;
  if (pending->nested) accepted.project_root = pending->nested->root();
  std::string state = ipc::initial_state(*verdict, pending->order.run_id, ipc::file_time(now));
  if (state.size() <= kStateInLedger) {
    accepted.state = std::move(state);
  } else {
    pending->state = std::move(state);
    pending->requests_dir = layout_.requests_dir();
    pending->state_path = pending->requests_dir + "/" + pending->order.run_id + ".json";
    accepted.state_file = pending->state_path;
  }
  write_down(pending, std::move(accepted));
}

void Intake::adopt_paused(const std::string& run_id, Done done) {
  if (const auto asked = adopting_.find(run_id); asked != adopting_.end()) {
    asked->second.push_back(std::move(done));
    return;
  }
  // What is reserved for anything else is not there yet, or is being forgotten.
  auto found = registry_.is_reserved(run_id) ? std::nullopt : read_paused_state(layout_, run_id);
  if (!found || refuse_all_) {
    done({nullptr, refuse_all_ ? *refuse_all_ : Refusal{"unknown_run", "unknown run"}});
    return;
  }
  auto pending = std::make_shared<Pending>();
  pending->order.run_id = run_id;
  adopting_[run_id].push_back(std::move(done));
  pending->done = [this, run_id](const Taken& taken) {
    const auto asked = adopting_.extract(run_id);
    for (const Done& one : asked.mapped()) one(taken);
  };
  registry_.drop_unused_journal(run_id);
  registry_.reserve(run_id);
  ipc::Accepted accepted;
  accepted.workflow_id = found->workflow_id;
  accepted.workflow_path = found->workflow_path;
  accepted.started_at = ipc::wire_time(ipc::now_us());
  accepted.adopted_paused = true;
  pending->paused = std::move(found);
  write_down(pending, std::move(accepted));
}

void Intake::write_down(const std::shared_ptr<Pending>& pending, ipc::Accepted accepted) {
  accepted.run_id = pending->order.run_id;
  accepted.order = next_order_++;
  accepted.sandbox = pending->order.sandbox || sandbox_.every_run;
  pending->accepted = accepted;
  if (pending->paused) pending->journal_path = layout_.journal(accepted.run_id);
  // One record, since a loss of power may leave any number of a group; the second is for daemons
  // of before.
  std::vector<ipc::LedgerRecord> records;
  if (pending->order.command_id) {
    ipc::Started started;
    started.command_id = *pending->order.command_id;
    started.run_id = accepted.run_id;
    accepted.command_id = started.command_id;
    records.push_back({0, std::move(accepted)});
    records.push_back({0, std::move(started)});
  } else {
    records.push_back({0, std::move(accepted)});
  }
  ledger_.append(
      std::move(records),
      [this, pending](const ipc::Result<void>& result) { written(pending, result); },
      [pending] { return pending->make_files(); },
      pending->paused ? layout_.journals_dir() : std::string());
}

void Intake::written(const std::shared_ptr<Pending>& pending, const ipc::Result<void>& result) {
  if (!result) {
    pending->remove_files();
    return refuse(pending, refusal_of(result.error()));
  }
  const RunPtr run = registry_.add(pending->order.run_id);
  run->take(pending->accepted);
  run->state_bytes = std::move(pending->accepted.state);
  run->python = pending->python;
  run->updated_us = ipc::now_us();
  if (pending->paused) {
    run->state = RunState::paused;
    run->wire = WireStatus::paused;
    run->waits_at = pending->paused->waits_at;
    run->step = pending->paused->step;
  }
  pending->done({run, std::nullopt});
  accepted_(run);
}

void Intake::refuse(const std::shared_ptr<Pending>& pending, Refusal refusal) {
  registry_.release(pending->order.run_id);
  pending->done({nullptr, std::move(refusal)});
}

std::string kept_words(std::string words, std::size_t most) {
  if (words.size() <= most) return words;
  words.resize(most);
  words.resize(words.size() - ipc::begun_utf8(words));
  words.shrink_to_fit();
  return words + "...";
}

std::string random_uuid() {
  std::string hex = random_secret();
  hex[12] = '4';
  constexpr std::string_view kVariant = "89ab";
  const char digit = hex[16];
  const int value = digit <= '9' ? digit - '0' : digit - 'a' + 10;
  hex[16] = kVariant[static_cast<std::size_t>(value) & 3U];
  return fmt::format("{}-{}-{}-{}-{}", hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4),
                     hex.substr(16, 4), hex.substr(20));
}

}  // namespace charter::supervisor
