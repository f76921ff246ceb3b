// A stand-in for charter-worker: this test program, executed again under that name. What it does
// is said by the beginning of the run's id:
//   complete…   one step, completed
//   pause…      waits at a gate; approved, it completes
//   pauses…     the same, but for a second gate
//   gates…      waits at one gate after the other, and is not gone before it is killed
//   hang…       stays inside its first step until it is asked to end
//   late…       the same, once there is no file `late` beside the bell
//   silent…     dies before its first frame
//   early…      dies before its first step
//   inside…     dies inside a step
// Mode `project` writes one terminal event with the job's reason or cancellation; of a run that
// only its state file tells of, asked for nothing, that it failed, if it did. Mode `prepare` has no
// answer, once there is no file `unprepared` in the project.
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "ipc/codec.h"
#include "ipc/doorbell.h"
#include "ipc/job.h"
#include "ipc/journal.h"
#include "ipc/peer.h"

namespace charter::supervisor::tests {
namespace {

// The test whose child this is. It may have ended before anybody looks, and whoever is the parent
// then does not.
pid_t living_test() {
  const pid_t parent = ::getppid();
  std::error_code gone;
  const std::filesystem::path exe =
      std::filesystem::read_symlink("/proc/" + std::to_string(parent) + "/exe", gone);
  if (gone || exe != std::filesystem::read_symlink("/proc/self/exe")) ::_exit(0);
  return parent;
}

class SparringWorker {
 public:
  SparringWorker()
      : job_(*ipc::decode_job(*ipc::read_all(ipc::kJobFd, 1U << 20))),
        summary_(*ipc::summarize(ipc::kJournalFd)),
        journal_(*ipc::Journal::attach(ipc::kJournalFd, summary_.end)),
        bell_(job_.doorbell, {ipc::kDoorbellVersion, job_.run_id, job_.secret, ::getpid()}),
        seq_(std::max(job_.next_seq, summary_.next_seq)) {}

  int run() {
    (void)blocked_kill();  // before anybody can know that it is there
    if (starts_with("silent")) return 3;
    if (starts_with("late")) wait();
    open();
    if (starts_with("early")) return 3;
    if (job_.cause == "resume") {
      event("GateDecisionEvent", "gate", ",\"approved\":true");
    }
    begin_step();
    if (starts_with("hang") || starts_with("late")) return hang();
    if (starts_with("inside")) ::raise(SIGKILL);
    event("StepCompleteEvent", "a");
    put(ipc::Checkpoint{"a", "{}", "", 0});
    if (starts_with("gates")) {
      wait_at_gate();
      stay();
    }
    const std::uint32_t gates = starts_with("pauses") ? 2 : starts_with("pause") ? 1 : 0;
    if (job_.pauses < gates) {
      wait_at_gate();
      return 0;
    }
    end("RunCompleteEvent", "completed");
    return 0;
  }

  int project() {
    if (summary_.terminal) return 0;
    const bool looks = summary_.frames == 0 && !job_.command && job_.reason.empty();
    if (looks && job_.state.find("failed") == std::string::npos) return 0;
    if (job_.command) {
      end("RunCancelledEvent", "cancelled");
    } else {
      end("RunFailedEvent", "failed", ",\"error\":\"" + job_.reason + "\"");
    }
    return 0;
  }

 private:
  bool starts_with(const char* prefix) const { return job_.run_id.starts_with(prefix); }
  static sigset_t blocked_kill() {
    sigset_t kill;
    sigemptyset(&kill);
    sigaddset(&kill, ipc::kill_signal());
    ::sigprocmask(SIG_BLOCK, &kill, nullptr);
    return kill;
  }
  template <class Body>
  void put(Body body) {
    (void)journal_.append(ipc::JournalFrame{ipc::now_us(), std::move(body)});
    bell_.ring(journal_.end());
  }
  void event(const std::string& kind, const std::string& step, const std::string& more = "") {
    put(ipc::Event{job_.run_id, seq_++, kind, step, job_.pauses, false,
                   "{\"kind\":\"" + kind + "\"" + more + "}"});
  }
  void wait() const {
    const std::string file = job_.doorbell.substr(0, job_.doorbell.rfind('/')) + "/late";
    const timespec slice{0, 5'000'000};
    const pid_t test = living_test();
    while (::access(file.c_str(), F_OK) == 0 && ::getppid() == test) ::nanosleep(&slice, nullptr);
  }
  void open() {
    put(ipc::Opened{job_.run_id, job_.burst, job_.cause, ::getpid(), *ipc::start_time(::getpid()),
                    ipc::boot_id(), "", job_.state, ipc::pid_namespace()});
  }
  void begin_step() {
    event("StepStartEvent", "a");
    put(ipc::Intent{"a", 1, "shell"});
  }
  void wait_at_gate() {
    event("GatePendingEvent", "gate");
    put(ipc::Pause{job_.pauses + 1, "gate", 0, 0, 0, 0});
  }
  [[noreturn]] static void stay() {
    const timespec slice{0, 5'000'000};
    const pid_t test = living_test();
    while (::getppid() == test) ::nanosleep(&slice, nullptr);
    ::_exit(0);
  }
  void end(const std::string& kind, const std::string& status, const std::string& more = "") {
    event(kind, "", more);
    put(ipc::Terminal{status, "", {}});
  }
  int hang() {
    const sigset_t kill = blocked_kill();
    siginfo_t info{};
    // In slices, so that a supervisor that comes back hears from this run.
    const timespec slice{0, 50'000'000};
    const pid_t test = living_test();
    while (::sigtimedwait(&kill, &info, &slice) < 0) {
      if (::getppid() != test) ::_exit(0);  // it ends with the test, at the latest
      bell_.keep_alive(journal_.end());
    }
    put(ipc::Exit{"killed", 0, 0, info.si_uid, 1, {}, false});
    end("RunCancelledEvent", "cancelled");
    return 0;
  }

  ipc::Job job_;
  ipc::JournalSummary summary_;
  ipc::Journal journal_;
  ipc::Doorbell bell_;
  std::uint64_t seq_;
};

int prepare() {
  const timespec slice{0, 5'000'000};
  const pid_t test = living_test();
  while (::access("unprepared", F_OK) == 0 && ::getppid() == test) ::nanosleep(&slice, nullptr);
  return 3;
}

// Before main, so that the test framework never sees such a process.
const int kBecomeWorker = [] {
  char command_line[64] = {};
  std::FILE* file = std::fopen("/proc/self/cmdline", "re");
  const std::size_t size = std::fread(command_line, 1, sizeof command_line - 1, file);
  std::fclose(file);
  if (std::strcmp(command_line, "charter-worker") != 0) return 0;
  const char* mode = command_line + std::strlen(command_line) + 1;
  if (mode >= command_line + size) ::_exit(2);
  ::prctl(PR_SET_NAME, "sparring");
  if (std::strcmp(mode, "prepare") == 0) ::_exit(prepare());
  SparringWorker worker;
  ::_exit(std::strcmp(mode, "project") == 0 ? worker.project() : worker.run());
}();

}  // namespace
}  // namespace charter::supervisor::tests
