// --sandbox project: what a step that tries to get out meets at each level, and what goes on
// working.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <map>
#include <sstream>

#include "tests/support/injection.h"
#include "tests/support/log_edit.h"
#include "tests/support/process_table.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kHostile = CHARTER_HOSTILE;
constexpr const char* kNobody = "65534";

int landlock_version() {
  return static_cast<int>(::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1U));
}

// A level of the sandbox, as the daemon's own user or, for root, as another one.
struct Where {
  int level = 2;
  bool as_nobody = false;
};

std::vector<std::string> starter(const Where& where) {
  std::vector<std::string> command;
  if (where.as_nobody) {
    command = {"setpriv", std::string("--reuid=") + kNobody, std::string("--regid=") + kNobody,
               "--clear-groups"};
  }
  if (where.level == 1) {
    command.insert(command.end(), {kHostile, "--without-namespaces"});
  }
  if (!command.empty()) command.push_back(daemon_binary());
  return command;
}

DaemonOptions sandboxed(const Where& where = {}) {
  DaemonOptions options;
  options.arguments = {"--sandbox", "project"};
  options.command = starter(where);
  return options;
}

void give_to_nobody(const std::string& directory) {
  namespace fs = std::filesystem;
  constexpr uid_t kUid = 65534;
  std::vector<fs::path> all{directory};
  for (const auto& entry : fs::recursive_directory_iterator(directory)) all.push_back(entry.path());
  for (const fs::path& path : all) {
    if (::lchown(path.c_str(), kUid, kUid) != 0)
      throw std::runtime_error("lchown " + path.string());
  }
}

boost::json::object daemon_view(const std::string& socket) {
  const auto answer = control(socket, "status");
  return answer.empty() ? boost::json::object() : answer.front().at("daemon").as_object();
}

std::int64_t level_of(const std::string& socket) {
  return daemon_view(socket).at("sandbox").at("level").as_int64();
}

// A listener with no path, for whoever looks for one.
class AbstractListener {
 public:
  explicit AbstractListener(const std::string& name)
      : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path + 1, name.c_str(), sizeof address.sun_path - 2);
    const auto size = offsetof(sockaddr_un, sun_path) + 1 + name.size();
    if (::bind(socket_, reinterpret_cast<sockaddr*>(&address), static_cast<socklen_t>(size)) != 0 ||
        ::listen(socket_, 8) != 0) {
      throw std::runtime_error("cannot listen without a path");
    }
  }
  ~AbstractListener() { ::close(socket_); }
  AbstractListener(const AbstractListener&) = delete;
  AbstractListener& operator=(const AbstractListener&) = delete;

 private:
  int socket_;
};

class Hostile : public ::testing::TestWithParam<Where> {
 protected:
  void SetUp() override {
    if (landlock_version() < 1) GTEST_SKIP() << "this kernel has no Landlock";
    if (GetParam().as_nobody && ::geteuid() != 0) GTEST_SKIP() << "only root can be another user";
  }

  // What the step said of each way out.
  std::map<std::string, std::string> attempt() {
    ProjectFixture project;
    RecordingGateway gateway;
    const std::string outside = project.scratch("outside");
    write_file(outside + "/victim", "untouched");
    write_file(project.root() + "/.charter/runs/other.json", "{}");
    const TempDir others("charter-others");
    write_file(others / "note", "of somebody else");
    EXPECT_EQ(::chmod(others.path().c_str(), 0755), 0);
    project.add_workflow(
        "try", shell_step("try", std::string(kHostile) + " " + project.root() + " " + outside +
                                     " $(cat daemon.pid) " + (others / "note") + " > report"));
    if (GetParam().as_nobody) give_to_nobody(project.scratch("."));
    DaemonOptions options = sandboxed(GetParam());
    options.gateway = gateway.url();
    DaemonProcess daemon(project, options);
    write_file(project / "daemon.pid", std::to_string(listener_of(daemon.socket())));
    write_file(project.journal("other"), "a journal");
    if (GetParam().as_nobody) give_to_nobody(project / ".charter/daemon/journals");
    const AbstractListener listener("charter-hostile" + outside);
    EXPECT_EQ(level_of(daemon.socket()), GetParam().level);
    HandOff request;
    request.run_id = "r1";
    request.workflow_id = "try";
    request.workflow_path = project.plan("try");
    EXPECT_TRUE(hand_off(daemon.socket(), request).ok);
    EXPECT_EQ(gateway.wait_for_end("r1"), "RunCompleteEvent") << daemon.log();
    EXPECT_EQ(read_file(outside + "/victim"), "untouched");
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(outside), {}), 1);
    EXPECT_TRUE(daemon.running());
    std::map<std::string, std::string> found;
    std::istringstream report(read_file(project / "report"));
    for (std::string name, result; report >> name >> result;) found[name] = result;
    return found;
  }
};

// Nothing at either level lets these out.
constexpr std::array kNever = {"write-outside",
                               "overwrite-outside",
                               "write-over-proc-root",
                               "write-over-symlink",
                               "hard-link-in",
                               "hard-link-out",
                               "rename-out",
                               "rename-in",
                               "truncate-outside",
                               "remove-outside",
                               "directory-outside",
                               "write-proc-sys",
                               "write-sysrq",
                               "read-memory-device",
                               "read-disk",
                               "make-device",
                               "setuid-bit",
                               "setuid-bit-at-creation",
                               "file-handle",
                               "open-by-handle",
                               "trace-engine",
                               "trace-daemon",
                               "read-engine-memory",
                               "open-engine-memory",
                               "enter-engine-root",
                               "read-engine-environment",
                               "take-engine-descriptor",
                               "foreign-descriptors",
                               "telling-variables",
                               "new-privileges",
                               "io-uring",
                               "mount",
                               "unmount",
                               "open-tree",
                               "unshare-user",
                               "unshare-mounts",
                               "clone-user",
                               "clone3",
                               "setns",
                               "chroot",
                               "pivot-root",
                               "load-module",
                               "add-key",
                               "keyctl",
                               "bpf",
                               "perf",
                               "userfaultfd",
                               "terminal-input",
                               "connect-to-daemon"};
// Landlock 6 keeps these in.
constexpr std::array kApart = {"signal-engine", "signal-daemon", "connect-abstract"};
// Only a mount namespace does.
constexpr std::array kOnlyByView = {"chmod-outside",      "read-ledger",      "write-daemon-data",
                                    "read-other-journal", "read-other-state", "write-other-state",
                                    "move-data-away",     "read-others-tmp"};
// A seccomp filter answers these with the error it was told to.
constexpr std::array kByFilter = {"io-uring",       "mount",       "unmount",        "open-tree",
                                  "unshare-user",   "setns",       "chroot",         "pivot-root",
                                  "load-module",    "add-key",     "keyctl",         "bpf",
                                  "perf",           "userfaultfd", "terminal-input", "file-handle",
                                  "open-by-handle", "setuid-bit",  "clone-user"};
constexpr std::array kPermitted = {"own-write",   "own-move",   "own-tmp",
                                   "own-trace",   "own-signal", "own-memory-program",
                                   "null-device", "own-output", "read-elsewhere"};

TEST_P(Hostile, StepGetsOutByNoneOfItsWays) {
  auto found = attempt();
  for (const char* name : kNever) {
    ASSERT_TRUE(found.contains(name)) << name;
    EXPECT_NE(found[name], "out") << name;
  }
  for (const char* name : kByFilter) EXPECT_EQ(found[name], "EPERM") << name;
  EXPECT_EQ(found["clone3"], "ENOSYS") << "or the C library does not fall back";
#if defined(__x86_64__)
  EXPECT_EQ(found["x32-call"], "EPERM");
  EXPECT_NE(found["i386-call"], "out");
#endif
  for (const char* name : kApart) {
    EXPECT_EQ(found[name] == "out", landlock_version() < 6) << name << " " << found[name];
  }
  for (const char* name : kPermitted) EXPECT_EQ(found[name], "out") << name;
}

// What docs/SECURITY.md says of the levels, in both directions: a gap that closes is news, too.
TEST_P(Hostile, LevelsDifferByWhatLandlockCannotDo) {
  auto found = attempt();
  for (const char* name : kOnlyByView) {
    ASSERT_TRUE(found.contains(name)) << name;
    EXPECT_EQ(found[name] == "out", GetParam().level == 1) << name << " " << found[name];
  }
  EXPECT_EQ(found["shared-memory"] == "out", GetParam().level == 2);
}

INSTANTIATE_TEST_SUITE_P(Sandbox, Hostile,
                         ::testing::Values(Where{1, false}, Where{2, false}, Where{1, true},
                                           Where{2, true}),
                         [](const auto& one) {
                           return "Level" + std::to_string(one.param.level) +
                                  (one.param.as_nobody ? "AsNobody" : "");
                         });

// The other direction: without a sandbox a step gets wherever its user may.
TEST(Sandbox, IsNoneUnlessAskedFor) {
  Started scene;
  const std::string outside = scene.project.scratch("outside");
  scene.project.add_workflow("look",
                             shell_step("look",
                                        "grep NoNewPrivs /proc/self/status > told\n"
                                        "touch " +
                                            outside + " && ls .charter/daemon/ledger > seen"));
  ASSERT_TRUE(scene.run("r1", "look").ok);
  ASSERT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_TRUE(exists(outside));
  EXPECT_THAT(read_file(scene.project / "told"), HasSubstr("NoNewPrivs:\t0"));
  EXPECT_NE(read_file(scene.project / "seen"), "");
  EXPECT_EQ(daemon_view(scene.daemon.socket()).at("sandbox").at("mode"), "none");
}

// The path of a file of that name in the temporary directory of some run; empty when there is none.
std::string in_scratch(const std::string& name) {
  ChildSpec find;
  find.argv = {"find", "/tmp/charter-daemon-" + std::to_string(::geteuid()), "-name", name};
  const std::string path = run_to_end(find).out;
  return path.substr(0, path.find('\n'));
}

class Sandboxed : public ::testing::Test {
 protected:
  void SetUp() override {
    if (landlock_version() < 1) GTEST_SKIP() << "this kernel has no Landlock";
  }
};

TEST_F(Sandboxed, RunHasATemporaryDirectoryOfItsOwnUntilItIsOver) {
  for (const int level : {1, 2}) {
    Started scene(sandboxed({level, false}));
    const std::string note = "note-" + scene.project.mark();
    scene.project.add_workflow(
        "keep", shell_step("put", "echo kept > $TMPDIR/" + note +
                                      "; mkdir -p $TMPDIR/a/b; chmod 000 $TMPDIR/a; "
                                      "readlink -f $TMPDIR > first") +
                    gate_step("gate") + shell_step("get", "cat $TMPDIR/" + note + " > second"));
    ASSERT_TRUE(scene.run("r1", "keep").ok);
    ASSERT_TRUE(scene.gateway.wait_for_event("r1", "GatePendingEvent"));
    const std::string found = in_scratch(note);
    ASSERT_NE(found, "");
    const std::string directory = found.substr(0, found.rfind('/'));
    EXPECT_EQ(read_file(scene.project / "first"), level == 2 ? "/tmp\n" : directory + "\n");
    // Over a restart of the daemon, too, which sweeps.
    scene.daemon.kill();
    scene.daemon.start();
    ASSERT_FALSE(
        control(scene.daemon.socket(), "resume", {{"run_id", "r1"}, {"approved", true}}).empty());
    ASSERT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent") << scene.daemon.log();
    EXPECT_EQ(read_file(scene.project / "second"), "kept\n");
    EXPECT_TRUE(eventually(kSoon, [&] { return !exists(directory); })) << directory;
  }
}

TEST_F(Sandboxed, TemporaryDirectoryOfARunThatEndedUnseenIsRemovedAtTheNextStart) {
  Started scene(sandboxed());
  const std::string note = "note-" + scene.project.mark();
  scene.project.add_workflow(
      "note", shell_step("put", "touch $TMPDIR/" + note + " && touch begun && sleep 300"));
  ASSERT_TRUE(scene.run("r1", "note").ok);
  ASSERT_TRUE(eventually(kSoon, [&] { return exists(scene.project / "begun"); }));
  ASSERT_NE(in_scratch(note), "");
  scene.daemon.kill();
  ASSERT_TRUE(eventually(kSoon, [&] {
    const auto left = scene.project.processes_of("r1");
    for (const pid_t pid : left) ::kill(pid, SIGKILL);
    return left.empty();
  }));
  scene.daemon.start();
  ASSERT_EQ(scene.gateway.wait_for_end("r1"), "RunFailedEvent");
  EXPECT_TRUE(eventually(kSoon, [&] { return in_scratch(note).empty(); }));
}

// Everything the engine does for a step still reaches the project's files.
TEST_F(Sandboxed, OrdinaryWorkflowsGoOnWorking) {
  Started scene(sandboxed());
  scene.project.add_workflow(
      "all", shell_step("make", "test -e tried || { touch tried; exit 1; }\nprintf '%s' '\"data\"'",
                        "retry: {attempts: 2, delay_seconds: 0}\noutputs: {report: artifact}") +
                 "  - {id: out, type: export, input: report, path: dist/report.json}\n" +
                 shell_step("git",
                            "mkdir -p d && echo x > d/a && mv d/a b && ln -s b c && ln b e && "
                            "cat < c > f && sh -c 'kill -TERM $$' || true; sleep 0 & wait"));
  ASSERT_TRUE(scene.run("r1", "all").ok);
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent")
      << read_file(scene.project.state_file("r1"));
  EXPECT_THAT(read_file(scene.project / "dist/report.json"), HasSubstr("data"));
  EXPECT_EQ(read_file(scene.project / "f"), "x\n");
}

TEST_F(Sandboxed, KillEndsEverythingOfARun) {
  Started scene(sandboxed());
  scene.project.add_workflow("hold", shell_step("wait",
                                                "setsid sh -c 'trap \"\" TERM; sleep 1000' & "
                                                "touch begun; sleep 1000"));
  ASSERT_TRUE(scene.run("r1", "hold").ok);
  ASSERT_TRUE(eventually(kSoon, [&] { return exists(scene.project / "begun"); }));
  const auto killed = charter_daemon(scene.project, {"kill", "r1", "--grace", "0.2"});
  EXPECT_EQ(killed.code, 0) << killed.err;
  EXPECT_TRUE(scene.project.processes_of("r1").empty());
}

// The daemon's own files cannot be reached by having the engine write them.
TEST_F(Sandboxed, ExportIntoTheDaemonsDataIsRefused) {
  Started scene(sandboxed());
  scene.project.add_workflow(
      "aim",
      shell_step("make", "printf '%s' '\"data\"'", "outputs: {text: string}") +
          "  - {id: out, type: export, input: text, path: .charter/daemon/journals/r2.cj}\n");
  ASSERT_TRUE(scene.run("r1", "aim").ok);
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunFailedEvent");
  EXPECT_THAT(read_file(scene.project.state_file("r1")), HasSubstr("escapes the export directory"));
  EXPECT_FALSE(exists(scene.project.journal("r2")));
}

// A mount on the socket goes when the daemon makes it anew; then the daemon itself looks who asks.
TEST_F(Sandboxed, StepReachesNoDaemonNorTheOneAfterIt) {
  for (const int level : {1, 2}) {
    Started scene(sandboxed({level, false}));
    const std::string ask = daemon_binary() + " list; echo $? >";
    scene.project.add_workflow(
        "ask", shell_step("ask", ask + " before; while [ ! -e go ]; do sleep 0.02; done; (" + ask +
                                     " child); " + ask + " after; setsid sh -c '" + ask +
                                     " orphan; touch asked' & wait"));
    ASSERT_TRUE(scene.run("r1", "ask").ok);
    ASSERT_TRUE(eventually(kSoon, [&] { return exists(scene.project / "before"); }));
    EXPECT_EQ(charter_daemon(scene.project, {"list"}).code, 0) << "who is not of the run is served";
    scene.daemon.kill();
    scene.daemon.start();
    write_file(scene.project / "go", "");
    ASSERT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent") << scene.daemon.log();
    for (const char* when : {"before", "child", "after", "orphan"}) {
      const std::string code = read_file(scene.project / when);
      EXPECT_NE(code, "");
      EXPECT_NE(code, "0\n") << when << " at level " << level;
    }
    EXPECT_THAT(scene.daemon.log(), HasSubstr("Refused a connection of a sandboxed run's process"));
  }
}

TEST_F(Sandboxed, OneRunCanAskForItWhereTheDaemonDoesNot) {
  Started scene;
  scene.project.add_workflow("look", shell_step("look",
                                                "grep NoNewPrivs /proc/self/status > told; "
                                                "touch ../outside || true"));
  const auto plain = charter_daemon(scene.project, {"run", "look", "--wait", "--run-id", "plain"});
  EXPECT_EQ(plain.code, 0) << plain.err;
  EXPECT_THAT(read_file(scene.project / "told"), HasSubstr("0"));
  EXPECT_TRUE(exists(scene.project / "../outside"));
  std::filesystem::remove(scene.project / "../outside");
  const auto kept = charter_daemon(
      scene.project, {"run", "look", "--wait", "--run-id", "kept", "--sandbox", "project"});
  EXPECT_EQ(kept.code, 0) << kept.err;
  EXPECT_THAT(read_file(scene.project / "told"), HasSubstr("1"));
  EXPECT_FALSE(exists(scene.project / "../outside"));
  EXPECT_EQ(charter_daemon(scene.project, {"run", "look", "--sandbox", "tight"}).code, 2);
  // For a retry when only the journals remember the two.
  const auto bare = [&](const char* run) {
    return std::get<ipc::Opened>(frames_of(scene.project.journal(run)).at(0).body).bare;
  };
  EXPECT_TRUE(bare("plain"));
  EXPECT_FALSE(bare("kept"));
}

// It stays what it was accepted as, also for a daemon that knows of no such option.
TEST_F(Sandboxed, PausedRunStaysInItsSandboxUnderALaterDaemonWithoutOne) {
  ProjectFixture project;
  RecordingGateway gateway;
  project.add_workflow(
      "ask", gate_step("gate") + shell_step("look", "grep NoNewPrivs /proc/self/status > told"));
  DaemonOptions options = sandboxed();
  options.gateway = gateway.url();
  {
    DaemonProcess daemon(project, options);
    HandOff request;
    request.run_id = "r1";
    request.workflow_id = "ask";
    request.workflow_path = project.plan("ask");
    ASSERT_TRUE(hand_off(daemon.socket(), request).ok);
    ASSERT_TRUE(gateway.wait_for_event("r1", "GatePendingEvent"));
    daemon.stop();
  }
  options.arguments = {};
  DaemonProcess later(project, options);
  ASSERT_FALSE(control(later.socket(), "resume", {{"run_id", "r1"}, {"approved", true}}).empty());
  ASSERT_EQ(gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_THAT(read_file(project / "told"), HasSubstr("1"));
}

// A host that cannot do it is told of, and nothing runs unsandboxed.
class Unable : public ::testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(Unable, RunsAreRefusedWithTheReason) {
  if (!Injection::possible()) GTEST_SKIP() << "strace cannot trace here";
  ProjectFixture project;
  RecordingGateway gateway;
  project.add_workflow("touch", shell_step("touch", "touch ran"));
  DaemonOptions options;
  options.gateway = gateway.url();
  options.arguments = {"--sandbox", "project"};
  // LeakSanitizer cannot look at what is traced.
  options.environment["ASAN_OPTIONS"] = "detect_leaks=0";
  const auto& [error, reason] = GetParam();
  options.command = {"strace",
                     "-D",
                     "-f",
                     "-o",
                     "/dev/null",
                     "-e",
                     std::string("inject=landlock_create_ruleset:error=") + error,
                     daemon_binary()};
  DaemonProcess daemon(project, options);
  HandOff request;
  request.run_id = "r1";
  request.workflow_id = "touch";
  request.workflow_path = project.plan("touch");
  const Answer answer = hand_off(daemon.socket(), request);
  EXPECT_FALSE(answer.ok);
  EXPECT_THAT(answer.error, HasSubstr("No sandbox can be had on this host"));
  EXPECT_THAT(answer.error, HasSubstr(reason));
  EXPECT_FALSE(exists(project / "ran"));
  const auto status = charter_daemon(project, {"status"});
  EXPECT_THAT(status.out, HasSubstr("none, of every run"));
  EXPECT_THAT(status.out, HasSubstr(reason));
  EXPECT_THAT(daemon.log(), HasSubstr("Runs are refused: "));
}

INSTANTIATE_TEST_SUITE_P(Sandbox, Unable,
                         ::testing::Values(std::pair{"ENOSYS", "this kernel has no Landlock"},
                                           std::pair{"EOPNOTSUPP",
                                                     "Landlock is switched off at boot"}),
                         [](const auto& one) { return std::string(one.param.first); });

}  // namespace
}  // namespace charter::tests
