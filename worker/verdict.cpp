#include "worker/verdict.h"

#include <fcntl.h>

#include <csignal>

#include "ipc/json_scan.h"
#include "ipc/limit_texts.h"
#include "ipc/regular_file.h"
#include "worker/endings.h"
#include "worker/run_groups.h"

namespace charter::worker {
namespace {

constexpr std::size_t kMostNoteBytes = std::size_t{1} << 20;
constexpr const char* kUnknown = "lost: its worker ended without a last word";

struct KillNote {
  std::optional<std::string> note;
  std::optional<std::int64_t> uid;
};

// Written, by whoever asks, before the request is sent; may be missing.
KillNote read_kill_note(const std::string& path) {
  KillNote found;
  const auto file = ipc::open_regular(path, O_RDONLY);
  if (!file) return found;
  const auto text = ipc::read_all(file->get(), kMostNoteBytes);
  if (!text) return found;
  const auto members = ipc::scan_object(*text, ipc::JsonLimits{});
  if (!members) return found;
  if (const auto* note = ipc::find(*members, "note"); note != nullptr) {
    found.note = ipc::json_string(note->raw);
  }
  if (const auto* uid = ipc::find(*members, "uid"); uid != nullptr) {
    const auto number = parse_json(uid->raw);
    const auto small = number ? number->small_integer() : std::nullopt;
    if (small) found.uid = *small;
  }
  return found;
}

bool is_cancellation(const std::string& kind) {
  return kind == "cancel" || kind == "kill" || kind == "refuse";
}

std::string reason_of(const ipc::Exit& exit) {
  if (exit.out_of_memory) {
    return ipc::kOutOfMemory + std::string("the run's engine was ended by the kernel") +
           memory_text(exit.memory_limit, exit.memory_peak);
  }
  if (exit.cause == "signal") {
    const std::string text = "worker died: " + describe_signal(exit.signal);
    return exit.signal == SIGKILL ? text + ", sender unknown" : text;
  }
  if (exit.cause == "code") return "worker died: " + describe_exit(exit.code);
  if (exit.cause == "interrupted") {
    const std::string text = "interrupted: " + describe_signal(exit.signal);
    return exit.asker_uid < 0 ? text : text + " from uid " + std::to_string(exit.asker_uid);
  }
  if (exit.cause == kTimeLimit) {
    const std::uint64_t ms = exit.limit_ms;
    return ipc::kOverTime + std::string("the run executed for longer than ") +
           (ms % 1000 == 0 ? std::to_string(ms / 1000) + " s" : std::to_string(ms) + " ms") +
           " (run-time-max)";
  }
  return kUnknown;
}

}  // namespace

std::optional<std::string> signed_note(const std::optional<std::string>& note, std::int64_t uid) {
  if (uid < 0) return note;
  const std::string who = "(by uid " + std::to_string(uid) + ")";
  return note && !note->empty() ? *note + " " + who : who;
}

Verdict judge(const ipc::Job& job, const ipc::Layout& layout, const Replay& replay) {
  Verdict verdict;
  const auto& exit = replay.summary.exit;
  if (exit && exit->cause == "killed") {
    const KillNote left = read_kill_note(layout.kill_note(job.run_id));
    verdict.cancelled = true;
    verdict.reason = "killed";
    verdict.note = signed_note(left.note, left.uid.value_or(exit->asker_uid));
    return verdict;
  }
  // A resume or an input is a command too, of the burst that failed.
  if (job.cause == "project" && job.command && is_cancellation(job.command->kind)) {
    verdict.cancelled = true;
    verdict.reason = job.command->kind == "kill" ? "killed" : "cancelled";
    // Only a kill says who asked; a refusal at a gate keeps its note as it was given.
    const bool kill = job.command->kind == "kill";
    verdict.note = signed_note(job.command->note, kill ? job.command->asker_uid : -1);
    return verdict;
  }
  if (exit) {
    // Of a run that went on after crashes, the last one's is not the whole reason.
    const bool gave_up = job.resume_lost && !job.reason.empty();
    verdict.reason = gave_up ? job.reason : reason_of(*exit);
    verdict.final = exit->cause == kTimeLimit || exit->out_of_memory;
  } else {
    verdict.reason = job.reason.empty() ? kUnknown : job.reason;
  }
  return verdict;
}

}  // namespace charter::worker
