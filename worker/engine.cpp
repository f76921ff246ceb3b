#include "worker/engine.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <optional>
#include <utility>

#include "ipc/job.h"
#include "ipc/journal.h"
#include "ipc/layout.h"
#include "ipc/peer.h"
#include "worker/burst.h"
#include "worker/endings.h"
#include "worker/job_file.h"
#include "worker/journal_file.h"
#include "worker/kill.h"
#include "worker/opening.h"
#include "worker/report.h"
#include "worker/run_groups.h"
#include "worker/sandbox/confine_run.h"
#include "worker/standby.h"
#include "worker/stores/artifact_store.h"
#include "worker/stores/spares.h"

namespace charter::worker {
namespace {

int give_up(int code, const ipc::Error& error) {
  log_line(error.message());
  return code;
}

// The engine dies with its guardian: by TERM, so that it can end its tree first. A guardian that
// died before this was asked for has left another parent.
void depend_on(pid_t guardian) {
  (void)::setpgid(0, 0);
  (void)::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  (void)::prctl(PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
  if (::getppid() != guardian) ::_exit(kExitOrphaned);
}

ipc::Opened opened_frame(const ipc::Job& job, pid_t guardian, std::string state) {
  ipc::Opened opened;
  opened.run_id = job.run_id;
  opened.burst = job.burst;
  opened.cause = job.cause;
  opened.guardian_pid = guardian;
  opened.guardian_start = ipc::start_time(guardian).value_or(0);
  opened.boot_id = ipc::boot_id();
  opened.pid_namespace = ipc::pid_namespace();
  opened.bare = job.sandbox.level == 0;
  if (job.command) opened.command_id = job.command->command_id;
  opened.state = std::move(state);
  return opened;
}

// What was decided about the gate; nothing when the command says nothing about it.
std::optional<GateRecord> decision_of(const ipc::Job& job, const Opening& opening,
                                      const Replay& replay) {
  if (opening.decided) return replay.decisions.back();
  if (!job.command) return std::nullopt;
  const std::string& kind = job.command->kind;
  GateRecord decision;
  decision.approved = kind == "approve";
  decision.note = job.command->note;
  if (decision.approved || kind == "refuse" || kind == "cancel") return decision;
  return std::nullopt;
}

int report(Recorder recorder, RunState& file, const ipc::Layout& layout, const Replay& replay) {
  const bool known = !replay.first_base.empty();
  const std::size_t reported = known ? reported_decisions(replay) : file.gate_history().size();
  const auto told = report_progress(recorder, file, layout.state_file(file.run_id()), reported);
  if (!told) return give_up(kExitJob, told.error());
  if (auto flushed = recorder.flush(); !flushed) {
    return give_up(journal_exit(flushed.error()), flushed.error());
  }
  recorder.ring();
  return kExitDone;
}

// The finished steps a run begins with refer to the artifacts of the run that carried them out.
ipc::Result<void> inherit(const ipc::Job& job, const ipc::Layout& layout) {
  if (job.retry_of.empty() || job.cause != "start") return {};
  return inherit_artifacts(layout.artifacts_dir(job.retry_of), layout.artifacts_dir(job.run_id));
}

int run_burst(const ipc::Job& job, const ipc::Layout& layout, const Replay& replay,
              const Opening& opening, Recorder recorder, pid_t guardian,
              std::unique_ptr<WarmPython> warm) {
  if (job.burst > 1) sweep_spares(spares_directory(layout), job.run_id);  // of the one before
  auto state = RunState::parse(opening.state);
  if (!state) return give_up(kExitJob, state.error());
  const bool fits = opening.state.size() <= ipc::kMostStateOfBurst;
  recorder.open(opened_frame(job, guardian, fits ? opening.state : ""), ipc::now_us());
  if (opening.kind == Opening::Kind::report) {
    return report(std::move(recorder), *state, layout, replay);
  }
  const auto inherited = inherit(job, layout);
  const auto snapshot = state->snapshot();
  auto workflow = snapshot ? workflow_from_snapshot(*snapshot) : snapshot.error();
  if (job.sandbox.level > 0) warm.reset();  // it was begun outside
  RunGroups groups(job.limits);
  const auto entered = groups.enter(warm ? warm->pid : 0);
  const auto confined = confine_run(job, layout);  // from here on no group can be made
  Reaper reaper;
  Attention attention(guardian, reaper);
  Burst burst(layout, attention, reaper, std::move(recorder), std::move(*state),
              workflow ? std::move(*workflow) : Workflow{}, limits_of(job), groups,
              {job.workflow_path, std::move(warm)}, job.worker_id);
  if (!entered) {
    burst.fail("its limits cannot be put in force: " + entered.error().message());
  } else if (!confined) {
    burst.fail(confined.error().what);
  } else if (!workflow) {
    burst.fail(workflow.error().what);
  } else if (!inherited) {
    burst.fail(inherited.error().message());
  } else if (!fits) {
    burst.fail("a run goes on with a state of at most " + bytes_text(ipc::kMostStateOfBurst) +
               ", and this one has " + bytes_text(opening.state.size()));
  } else if (opening.kind == Opening::Kind::start) {
    burst.start();
  } else if (opening.kind == Opening::Kind::go_on) {
    burst.go_on();
  } else if (job.command && job.command->kind == "input") {
    burst.answer(job.command->input);
  } else if (auto decision = decision_of(job, opening, replay)) {
    burst.decide(std::move(*decision), opening.decided);
  } else {
    burst.stay_paused();
  }
  burst.clear_up();
  return kExitDone;
}

int execute_job(pid_t guardian, std::unique_ptr<WarmPython> warm) {
  const auto job = read_job();
  if (!job) return give_up(kExitJob, job.error());
  const ipc::Layout layout(job->project_root, job->data_dir);
  if (::chdir(layout.root().c_str()) != 0) {
    return give_up(kExitJob, ipc::errno_error("enter " + layout.root()));
  }
  const auto replay = read_journal();
  if (!replay) return give_up(kExitJournal, replay.error());
  const auto opening = choose_opening(*job, layout, *replay);
  if (!opening) return give_up(kExitJob, opening.error());
  if (opening->kind == Opening::Kind::nothing) return kExitDone;
  if (opening->kind == Opening::Kind::refuse) {
    return give_up(kExitJob, ipc::plain_error("a burst that does not fit its journal"));
  }
  auto recorder = open_recorder(*job, *replay);
  if (!recorder) return give_up(kExitJournal, recorder.error());
  return run_burst(*job, layout, *replay, *opening, std::move(*recorder), guardian,
                   std::move(warm));
}

}  // namespace

int engine_main(pid_t guardian) {
  depend_on(guardian);
  return execute_job(guardian, nullptr);
}

int standby_engine_main(pid_t guardian, pid_t interpreter, const std::string& origin) {
  depend_on(guardian);
  auto warm = WarmPython::inherited(interpreter, origin);
  const ipc::UniqueFd run(kStandbyFd);
  if (receive_run(run.get())) return execute_job(guardian, std::move(warm));
  Reaper reaper;
  (void)kill_tree(reaper);
  return kExitDone;
}

}  // namespace charter::worker
