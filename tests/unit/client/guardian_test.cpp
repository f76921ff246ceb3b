// kill without any daemon, on a run that the real charter-worker executes. Skipped where that
// program was not built beside this one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ipc/clean_world.h"
#include "ipc/job.h"
#include "ipc/journal.h"
#include "ipc/layout.h"
#include "ipc/lock.h"
#include "ipc/prepare.h"
#include "tests/unit/client/client_run.h"

namespace charter::client {
namespace {

using testing::HasSubstr;

std::string worker_program() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path() / "charter-worker";
}

// Starts the worker with `input` and `output` as descriptors of its first two kinds, and more of
// them from 3 on.
pid_t spawn_worker(const std::string& mode, const std::string& directory, int input, int output,
                   const std::vector<int>& more = {}) {
  std::string program = worker_program();
  std::string word = mode;
  char* argv[] = {program.data(), word.data(), nullptr};
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  // Out of the way first: the targets may be in use as sources.
  std::vector<int> sources{input, output};
  sources.insert(sources.end(), more.begin(), more.end());
  for (int& fd : sources) fd = ::fcntl(fd, F_DUPFD, 100);
  ::dup2(sources[0], 0);
  ::dup2(sources[1], 1);
  for (std::size_t i = 2; i < sources.size(); ++i) ::dup2(sources[i], static_cast<int>(i) + 1);
  for (const int fd : sources) ::close(fd);
  if (::chdir(directory.c_str()) == 0) ::execv(program.c_str(), argv);
  ::_exit(127);
}

struct RealGuardian : testing::Test {
  Project project;
  ipc::Layout layout{project.root};
  pid_t guardian = -1;
  std::string pids = project.scratch / "pids";

  void SetUp() override {
    if (!std::filesystem::exists(worker_program())) GTEST_SKIP() << "no charter-worker here";
    ASSERT_TRUE(layout.create());
    project.scratch.write("project/workflows/hold/manifest.yml",
                          "id: hold\nname: hold\ndescription: of a test\nversion: '1'\n");
    // A process in a session of its own that ignores TERM, and one that waits for it.
    project.scratch.write("project/workflows/hold/plan.yml",
                          "steps:\n- id: wait\n  type: shell\n  run: |\n"
                          "    setsid sh -c 'trap \"\" TERM; echo $$ >> " +
                              pids +
                              "; while :; do sleep 0.1; done' &\n"
                              "    echo $$ >> " +
                              pids + "\n    wait\n");
  }
  ~RealGuardian() override {
    if (guardian <= 0) return;
    ::kill(guardian, SIGKILL);
    ::waitpid(guardian, nullptr, 0);
  }

  std::string prepared_state() const {
    ipc::PrepareRequest request;
    request.kind = ipc::PrepareRequest::Kind::launch;
    request.project_root = project.root;
    request.run_id = "r1";
    request.workflow_id = "hold";
    const auto question = ipc::memory_file(ipc::encode(request)).value();
    int answer[2];
    if (::pipe2(answer, O_CLOEXEC) != 0) return {};
    const pid_t pid = spawn_worker("prepare", project.root, question.get(), answer[1]);
    ::close(answer[1]);
    const auto bytes = ipc::read_all(answer[0], std::size_t{1} << 26).value();
    ::close(answer[0]);
    ::waitpid(pid, nullptr, 0);
    const auto reply = ipc::decode_prepare_reply(bytes).value();
    EXPECT_TRUE(reply.ok) << reply.message;
    return ipc::initial_state(reply, "r1", ipc::file_time(ipc::now_us()));
  }

  // As a supervisor starts a burst, but nobody is there when it is over.
  void start_run() {
    ipc::Job job;
    job.run_id = "r1";
    job.project_root = project.root;
    job.data_dir = layout.data_dir();
    job.doorbell = project.scratch / "nobody";
    job.cause = "start";
    job.state = prepared_state();
    const auto journal = ipc::create_journal(layout.journal("r1")).value();
    ASSERT_TRUE(ipc::try_lock(journal.get()).value());
    const auto order = ipc::memory_file(ipc::encode(job)).value();
    const ipc::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    guardian =
        spawn_worker("run", project.root, null.get(), null.get(), {journal.get(), order.get()});
    ASSERT_TRUE(tests::eventually(tests::kSoon, [this] { return step_pids().size() == 2; }));
  }
  std::vector<pid_t> step_pids() const {
    std::istringstream lines(read_file(pids));
    std::vector<pid_t> result;
    for (pid_t pid = 0; lines >> pid;) result.push_back(pid);
    return result;
  }
};

TEST_F(RealGuardian, EndsItsTreeWritesTheEndAndAnswers) {
  start_run();
  ClientRun client(project, {"kill", "r1", "--grace", "0.2", "--note", "enough", "--json"});
  EXPECT_EQ(client.wait(tests::kRunTime), 0) << client.err();
  for (const pid_t pid : step_pids()) EXPECT_EQ(::kill(pid, 0), -1) << pid << " lives";
  EXPECT_THAT(client.out(), HasSubstr(R"("outcome":"ended","status":"cancelled")"));
  EXPECT_THAT(client.out(), HasSubstr("\"asker_uid\":" + std::to_string(::getuid())));
  EXPECT_THAT(read_file(layout.state_file("r1")), HasSubstr("\"status\": \"cancelled\""));
  const auto journal = ipc::open_journal(layout.journal("r1")).value();
  const auto summary = ipc::summarize(journal.get()).value();
  EXPECT_EQ(summary.status, "cancelled");
  EXPECT_EQ(summary.next_seq, 2U) << "StepStart, RunCancelled";
  ClientRun again(project, {"kill", "r1"});
  EXPECT_EQ(again.wait(), 0);
  EXPECT_EQ(again.out(), "Run r1 had already finished: cancelled.\n");
}

TEST_F(RealGuardian, AStoppedGuardianIsWokenToObey) {
  start_run();
  ::kill(guardian, SIGSTOP);
  ClientRun client(project, {"kill", "r1", "--grace", "0.2"});
  EXPECT_EQ(client.wait(tests::kRunTime), 0) << client.err();
  for (const pid_t pid : step_pids()) EXPECT_EQ(::kill(pid, 0), -1) << pid << " lives";
}

}  // namespace
}  // namespace charter::client
