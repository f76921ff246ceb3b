#include "client/awaited_run.h"

#include "client/answering.h"
#include "client/project_runs.h"
#include "ipc/layout.h"
#include "ipc/peer.h"

namespace charter::client {
namespace {

constexpr std::int64_t kBetweenLooksMs = 500;

bool ended(const std::string& status) {
  return status == "completed" || status == "failed" || status == "cancelled";
}

}  // namespace

AwaitedRun::AwaitedRun(const Target& target, std::string run, bool known, Deadline deadline,
                       TakeEvent take)
    : target_(target),
      run_(std::move(run)),
      deadline_(deadline),
      take_(std::move(take)),
      follower_(target, run_, 0, known, [this](const EventView& event) { this->take(event); }),
      foreign_(!known) {}

void AwaitedRun::take(const EventView& event) {
  take_(event);
  waiting_ = waiting_of(event);
  waiting_seq_ = event.seq;
  attended_ = false;
  if (waiting_) look_at_ = 0;
}

Expected<bool> AwaitedRun::advance() {
  if (foreign_) return look();
  const auto over = follower_.advance();
  if (over && *over) end_ = follower_.end();
  return over;
}

Expected<Fields> AwaitedRun::ask_status() const {
  return ask(target_, Request("status").text("run_id", run_), answer_until(deadline_));
}

// Whether the daemon has taken the run on, and how it stands in its file while it has not.
Expected<bool> AwaitedRun::look() {
  if (ipc::boot_ms() < look_at_) return false;
  look_at_ = in_ms(kBetweenLooksMs);
  const auto answer = ask_status();
  if (answer) {
    foreign_ = false;
    waiting_.reset();
    return advance();
  }
  const std::string& code = answer.error().code;
  const bool unknown = answer.error().exit_code == kExitUnknownRun;
  // A refusal has a code; without one the daemon is away, however it went.
  if (!unknown && !code.empty() && code != "shutting_down") return answer.error();
  away_ = !unknown;
  const bool has_file = look_at_file();
  if (!end_.status.empty()) return true;
  if (unknown && has_file) {
    give_up_ = 0;
    return false;
  }
  if (give_up_ == 0) give_up_ = in_ms(kReconnectMs);
  if (ipc::boot_ms() < give_up_) return false;
  if (unknown) {
    return Failure{kExitUnknownRun, "The state file of run '" + run_ + "' is gone, and nothing " +
                                        "else tells of the run."};
  }
  return did_not_come_back();
}

// Whether there is one.
bool AwaitedRun::look_at_file() {
  const auto state = read_state_file(ipc::Layout(target_.root), run_);
  if (!state) return false;
  const std::string status = state->text("status");
  if (ended(status)) {
    end_ = {status, state->text("error")};
    return true;
  }
  auto waiting = status == "paused" ? waiting_in(*state) : std::nullopt;
  const bool same = waiting && waiting_ && waiting->step == waiting_->step;
  if (!same) attended_ = false;
  waiting_ = std::move(waiting);
  return true;
}

Deadline AwaitedRun::due() const {
  const bool unattended = waiting_ && !attended_;
  return foreign_ || unattended ? look_at_ : kNever;
}

// Whether the pause is the present one: its event may be history, or be decided upon already.
bool AwaitedRun::confirmed() {
  if (foreign_) return true;
  if (ipc::boot_ms() < look_at_) return false;
  look_at_ = in_ms(kBetweenLooksMs);
  const auto answer = ask_status();
  if (!answer) return false;
  const Fields run = answer->object("run");
  const auto events = run.number("events").value_or(0);
  if (events > waiting_seq_ + 1) {
    waiting_.reset();  // what came behind it is on its way
    return false;
  }
  return run.text("waits_at") == (waiting_->form ? "input" : "gate");
}

Expected<bool> AwaitedRun::attend() {
  if (!waiting_ || attended_ || !confirmed()) return true;
  attended_ = true;
  if (!person_present()) {
    tell(how_to_answer(run_, *waiting_));
    return true;
  }
  return ask_person();
}

Expected<bool> AwaitedRun::ask_person() {
  const Waiting waiting = *waiting_;
  Meanwhile meanwhile;
  meanwhile.deadline = deadline_;
  meanwhile.descriptor = [this] { return foreign_ ? -1 : follower_.descriptor(); };
  meanwhile.wanted = [this] {
    // What goes wrong here goes wrong again in the next advance().
    (void)advance();
    return attended_;
  };
  const auto outcome = answer_at_terminal(target_, run_, waiting, std::move(meanwhile));
  if (!outcome) return outcome.error();
  look_at_ = 0;
  if (*outcome != Answering::left) return true;
  tell(how_to_answer(run_, waiting));
  return false;
}

}  // namespace charter::client
