// Plays the supervisor for tests of the worker: makes a project, creates a journal, takes its lock
// and hands both, with a job, to the real program.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "ipc/codec.h"
#include "ipc/job.h"
#include "ipc/journal.h"
#include "ipc/layout.h"
#include "ipc/lock.h"
#include "ipc/peer.h"
#include "worker/json/value.h"

namespace charter::worker::testing {

inline constexpr std::chrono::seconds kLong{20};  // what should happen at once, on a loaded machine

// Looks every few milliseconds; false when it has not become true in time.
inline bool eventually(const std::function<bool()>& condition,
                       std::chrono::milliseconds timeout = kLong) {
  const auto give_up = std::chrono::steady_clock::now() + timeout;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > give_up) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

inline std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

inline void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

inline Value json(const std::string& text) {
  auto value = parse_json(text);
  EXPECT_TRUE(value) << text;
  return value ? *value : Value();
}

// A project of its own, removed at the end.
class Project {
 public:
  Project() {
    std::string name = (std::filesystem::temp_directory_path() / "charter-worker-XXXXXX").string();
    EXPECT_NE(::mkdtemp(name.data()), nullptr);
    root_ = std::filesystem::canonical(name).string();
    write_text(root_ + "/charter.yml", "name: test\n");
    EXPECT_TRUE(layout().create());
  }
  ~Project() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  Project(const Project&) = delete;
  Project& operator=(const Project&) = delete;

  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] ipc::Layout layout() const { return ipc::Layout(root_); }
  [[nodiscard]] std::string path(const std::string& name) const { return root_ + "/" + name; }

  // The first state of a run with these steps (a JSON array as a snapshot has it).
  [[nodiscard]] std::string first_state(const std::string& run, const std::string& steps,
                                        const std::string& variables = "{}") const {
    const std::string text =
        R"({"run_id": ")" + run +
        R"(", "workflow_id": "w", "workflow_snapshot": {"workflow": "w",)" +
        R"("bindings": {}, "steps": )" + steps + R"(}, "status": "pending",)" +
        R"("current_step_id": null, "variables": )" + variables +
        R"(, "outputs": {}, "created_at": "2026-01-02T03:04:05.123456+00:00",)" +
        R"("updated_at": "2026-01-02T03:04:05.123456+00:00", "error": null, "gate_history": [],)" +
        R"("metadata": {"resolved_capabilities": {}, "project_root": ")" + root_ + "\"}}";
    return dump(json(text), kStateFile);
  }

  [[nodiscard]] ipc::Job job(const std::string& run, const std::string& steps,
                             const std::string& variables = "{}") const {
    ipc::Job job;
    job.run_id = run;
    job.project_root = root_;
    job.cause = "start";
    job.state = first_state(run, steps, variables);
    return job;
  }

  [[nodiscard]] Value state(const std::string& run) const {
    return json(read_text(layout().state_file(run)));
  }

 private:
  std::string root_;
};

// The frames of a run's journal.
inline std::vector<ipc::JournalFrame> frames_of(const Project& project, const std::string& run) {
  std::vector<ipc::JournalFrame> frames;
  auto file = ipc::open_journal(project.layout().journal(run));
  if (!file) return frames;
  ipc::LogReader reader(file->get());
  for (;;) {
    const auto next = reader.next();
    if (!next || next->outcome != ipc::LogReader::Outcome::frame) return frames;
    if (auto frame = ipc::decode_journal_frame(next->payload)) frames.push_back(std::move(*frame));
  }
}

template <class Body>
std::vector<Body> bodies(const std::vector<ipc::JournalFrame>& frames) {
  std::vector<Body> found;
  for (const auto& frame : frames) {
    if (const auto* body = std::get_if<Body>(&frame.body)) found.push_back(*body);
  }
  return found;
}

// The kinds of the run's events, without "Event", in order: "StepStart StepComplete RunComplete".
inline std::string kinds(const std::vector<ipc::JournalFrame>& frames) {
  std::string text;
  std::uint64_t next = 0;
  for (const auto& event : bodies<ipc::Event>(frames)) {
    EXPECT_EQ(event.seq, next++) << "events must be numbered without a gap";
    text += (text.empty() ? "" : " ") + event.kind.substr(0, event.kind.size() - 5);
  }
  return text;
}

// The last event of a kind, as JSON.
inline std::string last_event(const std::vector<ipc::JournalFrame>& frames,
                              const std::string& kind) {
  std::string found;
  for (const auto& event : bodies<ipc::Event>(frames)) {
    if (event.kind == kind + "Event") found = event.json;
  }
  return found;
}

// One worker process, in mode `run` or `project`.
class Worker {
 public:
  Worker(const Project& project, const ipc::Job& job, const char* mode = "run") {
    const std::string path = project.layout().journal(job.run_id);
    auto journal = ipc::create_journal(path);
    if (!journal) journal = ipc::open_journal(path);
    EXPECT_TRUE(journal && *ipc::try_lock(journal->get())) << "the journal's lock must be free";
    auto memory = ipc::memory_file(ipc::encode(job));
    EXPECT_TRUE(memory);
    const std::string log = project.layout().run_log(job.run_id);
    // What comes up for adoption once guardian and engine are dead is counted here.
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    pid_ = ::fork();
    if (pid_ == 0) become(journal->get(), memory->get(), log, project.root(), mode);
    process_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  }
  ~Worker() {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      (void)wait();
    }
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] int process() const { return process_.get(); }

  // Its wait status; fails the test when it does not end in time.
  int wait(std::chrono::milliseconds timeout = kLong) {
    pollfd entry{process_.get(), POLLIN, 0};
    if (::poll(&entry, 1, static_cast<int>(timeout.count())) != 1) {
      ADD_FAILURE() << "the worker did not end";
      ::kill(pid_, SIGKILL);
    }
    int status = -1;
    ::waitpid(pid_, &status, 0);
    pid_ = 0;
    return status;
  }

 private:
  [[noreturn]] static void become(int journal, int job, const std::string& log,
                                  const std::string& root, const char* mode) {
    const int null = ::open("/dev/null", O_RDWR);
    const int output = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    const int journal_copy = ::fcntl(journal, F_DUPFD, 10);
    const int job_copy = ::fcntl(job, F_DUPFD, 10);
    ::dup2(null, 0);
    ::dup2(output, 1);
    ::dup2(output, 2);
    ::dup2(journal_copy, ipc::kJournalFd);
    ::dup2(job_copy, ipc::kJobFd);
    ::close_range(5, ~0U, 0);
    if (::chdir(root.c_str()) == 0) ::execl(CHARTER_WORKER, "charter-worker", mode, nullptr);
    ::_exit(127);
  }

  pid_t pid_ = 0;
  ipc::UniqueFd process_;
};

// Runs one burst to its end and returns the journal.
inline std::vector<ipc::JournalFrame> run_to_end(const Project& project, const ipc::Job& job,
                                                 const char* mode = "run") {
  Worker worker(project, job, mode);
  const int status = worker.wait();
  const std::string log = read_text(project.layout().run_log(job.run_id));
  EXPECT_EQ(status, 0) << log;
  EXPECT_EQ(log, "");
  return frames_of(project, job.run_id);
}

// Whether this process has no child left, adopted ones included.
inline bool childless() {
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
  return ::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD;
}

}  // namespace charter::worker::testing
