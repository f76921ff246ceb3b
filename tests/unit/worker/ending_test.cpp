// How runs end that do not end by themselves: kills, signals, deaths.
#include <gmock/gmock.h>

#include "tests/unit/worker/driver.h"

namespace charter::worker::testing {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string one_step(const std::string& run) {
  return R"([{"id": "s", "type": "shell", "run": )" + dump(Value(run)) + "}]";
}

ipc::UniqueFd open_pid(pid_t pid) {
  return ipc::UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

// The engine is the guardian's one child.
pid_t engine_of(const Worker& worker) {
  const std::string pid = std::to_string(worker.pid());
  pid_t engine = 0;
  std::istringstream(read_text("/proc/" + pid + "/task/" + pid + "/children")) >> engine;
  return engine;
}

void signal(pid_t pid, int number) {
  ASSERT_TRUE(ipc::signal_process(open_pid(pid).get(), number));
}

// Whether the step's command has come as far as to make this file.
bool reached(const Project& project, const std::string& file) {
  return eventually([&] { return std::filesystem::exists(project.path(file)); });
}

std::string error_of(const std::vector<ipc::JournalFrame>& frames) {
  const std::string event = last_event(frames, "RunFailed");
  return event.empty() ? "" : json(event).as_object().find("error")->as_string();
}

std::string status_of(const Project& project) {
  return project.state("r1").as_object().find("status")->as_string();
}

TEST(Kill, EndsFiftyProcessesThatTryToEscape) {
  const Project project;
  write_text(project.path("escape.sh"), R"(
trap '' TERM HUP INT
for i in $(seq 12); do setsid sh -c 'trap "" TERM; while :; do sleep 1; done' & done
for i in $(seq 12); do (setsid sh -c 'trap "" TERM; exec sleep 600' &) & done
for i in $(seq 12); do sh -c 'trap "" TERM; (sh -c "trap \"\" TERM; exec sleep 600" & exit)' & done
for i in $(seq 12); do sh -c 'kill -STOP $$; sleep 600' & done
setsid sh -c 'trap "" TERM; while :; do sleep 0.01 & done' &
touch ready
wait
)");
  Worker worker(project, project.job("r1", one_step("sh escape.sh > /dev/null 2>&1")));
  ASSERT_TRUE(reached(project, "ready"));
  write_text(project.layout().kill_note("r1"), R"({"note": "enough", "uid": 1234})");
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_TRUE(ipc::request_kill(worker.process(), 300));
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(8));
  EXPECT_TRUE(childless()) << "waitpid is the proof that nothing is left";
  const auto frames = frames_of(project, "r1");
  EXPECT_EQ(kinds(frames), "StepStart RunCancelled");
  EXPECT_EQ(last_event(frames, "RunCancelled"),
            R"j({"kind":"RunCancelledEvent","step_id":"s","note":"enough (by uid 1234)"})j");
  const auto exit = bodies<ipc::Exit>(frames).front();
  EXPECT_EQ(exit.cause, "killed");
  EXPECT_EQ(exit.asker_uid, static_cast<std::int64_t>(::getuid()));
  EXPECT_GE(exit.elapsed_ms, 300U) << "the grace was used, somebody ignores TERM";
  EXPECT_TRUE(exit.left.empty());
  EXPECT_EQ(bodies<ipc::Terminal>(frames).front().status, "cancelled");
  EXPECT_EQ(status_of(project), "cancelled");
}

TEST(Kill, DoesNotWaitForTheGraceWhenAllEndInTime) {
  const Project project;
  Worker worker(project, project.job("r1", one_step("trap 'echo bye > bye; exit 0' TERM; "
                                                    "touch ready; while :; do sleep 0.01; done")));
  ASSERT_TRUE(reached(project, "ready"));
  const auto begun = std::chrono::steady_clock::now();
  ASSERT_TRUE(ipc::request_kill(worker.process(), 60'000));
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, kLong);
  EXPECT_EQ(read_text(project.path("bye")), "bye\n") << "TERM gives a step the time to clean up";
  EXPECT_EQ(kinds(frames_of(project, "r1")), "StepStart RunCancelled");
}

TEST(Kill, BeginsNoFurtherStepOrAttempt) {
  const Project project;
  Worker worker(project,
                project.job("r1", R"([{"id": "s", "type": "shell", "run": )"
                                  R"("trap 'exit 1' TERM; echo x >> tries; touch ready;)"
                                  R"( while :; do sleep 0.01; done",)"
                                  R"("retry": {"attempts": 5, "delay_seconds": 0}},)"
                                  R"({"id": "t", "type": "shell", "run": "touch next"}])"));
  ASSERT_TRUE(reached(project, "ready"));
  ASSERT_TRUE(ipc::request_kill(worker.process(), 5000));
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_EQ(read_text(project.path("tries")), "x\n");
  EXPECT_FALSE(std::filesystem::exists(project.path("next")));
  EXPECT_EQ(kinds(frames_of(project, "r1")), "StepStart RunCancelled");
}

TEST(Kill, WorksOnAStoppedEngine) {
  const Project project;
  Worker worker(project, project.job("r1", one_step("kill -STOP $PPID; touch ready; sleep 600")));
  ASSERT_TRUE(reached(project, "ready"));
  ASSERT_TRUE(ipc::request_kill(worker.process(), 100));
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_TRUE(childless());
  EXPECT_EQ(last_event(frames_of(project, "r1"), "RunCancelled"),
            R"({"kind":"RunCancelledEvent","step_id":"s","note":"(by uid )" +
                std::to_string(::getuid()) + ")\"}");
}

// Leaves a process behind that takes its time, so that the burst's end does.
constexpr const char* kSlowLeftover =
    R"j({"id": "s", "type": "shell", "run": "setsid sh -c 'trap \"\" TERM; touch armed; )j"
    R"j(while :; do sleep 0.1; done' > /dev/null 2>&1 & until test -e armed; do sleep 0.01; done"})j";

bool has_frame(const Project& project, std::size_t index) {
  return eventually([&] {
    const auto frames = frames_of(project, "r1");
    return !frames.empty() && frames.back().body.index() == index;
  });
}

TEST(Kill, ThatMeetsAPauseCancelsAtTheGate) {
  const Project project;
  Worker worker(project, project.job("r1", std::string("[") + kSlowLeftover +
                                               R"(,{"id": "g", "type": "gate"}])"));
  ASSERT_TRUE(has_frame(project, 5)) << "the pause";
  ASSERT_TRUE(ipc::request_kill(worker.process(), 100));
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_EQ(kinds(frames_of(project, "r1")),
            "StepStart StepComplete GatePending GateDecision RunCancelled");
  EXPECT_EQ(status_of(project), "cancelled");
  EXPECT_TRUE(childless());
}

bool is_in_state(pid_t pid, char state) {
  const std::string text = read_text("/proc/" + std::to_string(pid) + "/stat");
  return text.find(std::string(") ") + state + ' ') != std::string::npos;
}

// Stopped, the guardian is told both things at once, and of the end of its child first.
TEST(Kill, ThatArrivesAsTheEngineLeavesAtAGateCancelsThere) {
  const Project project;
  Worker worker(project, project.job("r1", R"([{"id": "s", "type": "shell", "run": )"
                                           R"("touch ready; until test -e go; do sleep 0.01; )"
                                           R"(done"}, {"id": "g", "type": "gate"}])"));
  ASSERT_TRUE(reached(project, "ready"));
  const pid_t engine = engine_of(worker);
  signal(worker.pid(), SIGSTOP);
  ASSERT_TRUE(eventually([&] { return is_in_state(worker.pid(), 'T'); }));
  write_text(project.path("go"), "");
  ASSERT_TRUE(eventually([&] { return is_in_state(engine, 'Z'); }));
  ASSERT_TRUE(ipc::request_kill(worker.process(), 100));
  signal(worker.pid(), SIGCONT);
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_EQ(kinds(frames_of(project, "r1")),
            "StepStart StepComplete GatePending GateDecision RunCancelled");
  EXPECT_EQ(status_of(project), "cancelled");
}

TEST(Kill, AfterTheEndAddsNothing) {
  const Project project;
  Worker worker(project, project.job("r1", std::string("[") + kSlowLeftover + "]"));
  ASSERT_TRUE(has_frame(project, 7)) << "the terminal frame";
  ASSERT_TRUE(ipc::request_kill(worker.process(), 100));
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_EQ(kinds(frames_of(project, "r1")), "StepStart StepComplete RunComplete");
  EXPECT_EQ(status_of(project), "completed");
  EXPECT_TRUE(childless());
}

TEST(Term, ToTheGuardianInterruptsTheRun) {
  const Project project;
  auto job = project.job("r1", one_step("touch ready; sleep 600"));
  job.kill_grace_ms = 1000;
  Worker worker(project, job);
  ASSERT_TRUE(reached(project, "ready"));
  signal(worker.pid(), SIGTERM);
  EXPECT_EQ(worker.wait(), 0);
  const auto frames = frames_of(project, "r1");
  EXPECT_EQ(kinds(frames), "StepStart StepFailed RunFailed");
  EXPECT_EQ(error_of(frames),
            "interrupted: signal 15 (SIGTERM) from uid " + std::to_string(::getuid()));
  EXPECT_EQ(bodies<ipc::Exit>(frames).front().cause, "interrupted");
  EXPECT_TRUE(childless());
}

TEST(Term, ToTheEngineIsTheSame) {
  const Project project;
  Worker worker(project, project.job("r1", one_step("touch ready; sleep 600")));
  ASSERT_TRUE(reached(project, "ready"));
  signal(engine_of(worker), SIGTERM);
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_THAT(error_of(frames_of(project, "r1")),
              EndsWith("from uid " + std::to_string(::getuid())));
}

TEST(Term, ThatReachesTheStepFirstIsNoFailureOfTheStep) {
  const Project project;
  Worker worker(project, project.job("r1", one_step("echo $$ > pid; touch ready; sleep 600")));
  ASSERT_TRUE(reached(project, "ready"));
  const pid_t engine = engine_of(worker);
  signal(static_cast<pid_t>(std::stoi(read_text(project.path("pid")))), SIGTERM);
  // A service manager's signals arrive one after the other, well within what the engine waits.
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  signal(engine, SIGTERM);
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_THAT(error_of(frames_of(project, "r1")), StartsWith("interrupted: "));
}

TEST(Term, ToTheStepAloneIsItsFailure) {
  const Project project;
  Worker worker(project, project.job("r1", one_step("echo $$ > pid; touch ready; exec sleep 600")));
  ASSERT_TRUE(reached(project, "ready"));
  signal(static_cast<pid_t>(std::stoi(read_text(project.path("pid")))), SIGTERM);
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_EQ(error_of(frames_of(project, "r1")),
            "Shell step 's' failed with exit code -15: command failed");
}

TEST(EngineDeath, IsTheRunsFailureWithTheSignalNamed) {
  ::setenv("ASAN_OPTIONS", "handle_segv=0", 1);  // a sanitized engine would end with a code
  for (const auto& [number, text] :
       {std::pair(SIGSEGV, "worker died: signal 11 (SIGSEGV)"),
        std::pair(SIGKILL, "worker died: signal 9 (SIGKILL), sender unknown")}) {
    const Project project;
    Worker worker(project,
                  project.job("r1", one_step("setsid sleep 600 & touch ready; sleep 600")));
    ASSERT_TRUE(reached(project, "ready"));
    signal(engine_of(worker), number);
    EXPECT_EQ(worker.wait(), 0);
    const auto frames = frames_of(project, "r1");
    EXPECT_EQ(kinds(frames), "StepStart StepFailed RunFailed");
    EXPECT_EQ(error_of(frames), text);
    EXPECT_EQ(bodies<ipc::Exit>(frames).front().signal, number);
    EXPECT_EQ(status_of(project), "failed");
    EXPECT_TRUE(childless()) << "the dead engine's steps die with it";
  }
}

TEST(GuardianDeath, TakesTheTreeAlong) {
  const Project project;
  Worker worker(project, project.job("r1", one_step("setsid sleep 600 & (sleep 600 &); "
                                                    "touch ready; sleep 600")));
  ASSERT_TRUE(reached(project, "ready"));
  signal(worker.pid(), SIGKILL);
  EXPECT_TRUE(WIFSIGNALED(worker.wait()));
  EXPECT_TRUE(eventually(childless)) << "the engine ends its tree and itself";
  auto frames = frames_of(project, "r1");
  EXPECT_EQ(kinds(frames), "StepStart") << "nobody is left who may write";

  auto job = project.job("r1", "[]");
  job.cause = "project";
  job.reason = "lost: its guardian was killed";
  frames = run_to_end(project, job, "project");
  EXPECT_EQ(kinds(frames), "StepStart StepFailed RunFailed");
  EXPECT_EQ(error_of(frames), "lost: its guardian was killed");
}

TEST(GuardianDeath, LeavesTheLockToNobody) {
  const Project project;
  Worker worker(project, project.job("r1", one_step("setsid sleep 600 & touch ready; sleep 600")));
  ASSERT_TRUE(reached(project, "ready"));
  const auto journal = ipc::open_journal(project.layout().journal("r1"));
  EXPECT_TRUE(*ipc::is_locked(journal->get()));
  signal(worker.pid(), SIGKILL);
  (void)worker.wait();
  EXPECT_TRUE(eventually([&] { return !*ipc::is_locked(journal->get()); }));
  EXPECT_TRUE(eventually(childless));
}

// A lost run shall go on, and what it has done cannot be read just then. Nothing of it is lost by
// that: the worker leaves without a word, and another one goes on.
TEST(GoingOn, WithoutItsBlobsIsLeftToTheNextWorker) {
  const Project project;
  auto job =
      project.job("r1", R"j([{"id": "a", "type": "shell", "outputs": {"stdout": "string"},)j"
                        R"j("run": "head -c 2000000 /dev/zero | tr '\\0' x"},)j"
                        R"j({"id": "b", "type": "shell",)j"
                        R"j("run": "touch ready; while [ ! -e go ]; do sleep 0.02; done"}])j");
  job.resume_lost = true;
  {
    Worker worker(project, job);
    ASSERT_TRUE(reached(project, "ready"));
    signal(worker.pid(), SIGKILL);
    (void)worker.wait();
    ASSERT_TRUE(eventually(childless));
  }
  const std::string blobs = project.layout().blobs_dir("r1");
  const auto before = frames_of(project, "r1").size();
  std::filesystem::rename(blobs, blobs + ".away");
  job.cause = "continue";
  job.burst = 2;
  {
    Worker worker(project, job);
    EXPECT_EQ(worker.wait(), 0);
  }
  EXPECT_EQ(frames_of(project, "r1").size(), before) << kinds(frames_of(project, "r1"));
  std::filesystem::rename(blobs + ".away", blobs);
  write_text(project.path("go"), "");
  Worker worker(project, job);
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_EQ(kinds(frames_of(project, "r1")),
            "StepStart StepComplete StepStart StepStart StepComplete RunComplete");
}

TEST(Leftovers, OfASuccessfulStepLiveUntilTheEnd) {
  const Project project;
  const auto frames = run_to_end(
      project,
      project.job("r1", R"([{"id": "a", "type": "shell", "run":)"
                        R"("setsid sleep 600 > /dev/null 2>&1 & echo $! > pid"},)"
                        R"j({"id": "b", "type": "shell", "run": "kill -0 $(cat pid)"}])j"));
  EXPECT_EQ(kinds(frames), "StepStart StepComplete StepStart StepComplete RunComplete");
  EXPECT_TRUE(childless());
}

}  // namespace
}  // namespace charter::worker::testing
