// `charter-daemon doctor` on projects and hosts that lack something.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "ipc/unique_fd.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using boost::json::object;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;

enum Exit { kHealthy = 0, kFailed = 1, kUsage = 2 };

class Doctor : public ::testing::Test {
 protected:
  void SetUp() override {
    if (testing_the_reference()) GTEST_SKIP() << "the reference has none";
    scene.project.add_workflow("hello", shell_step("greet", "true"));
  }
  // What each check found, as "state: what", by name.
  std::map<std::string, std::string> checks(std::vector<std::string> arguments = {},
                                            int code = kHealthy) {
    arguments.insert(arguments.begin(), {"doctor", "--json"});
    const Finished done = charter_daemon(scene.project, arguments);
    EXPECT_EQ(done.code, code) << done.out << done.err;
    std::map<std::string, std::string> found;
    boost::system::error_code bad;
    const auto report = boost::json::parse(done.out, bad);
    if (bad) {
      ADD_FAILURE() << done.out;
      return found;
    }
    EXPECT_EQ(report.at("healthy").as_bool(), code == kHealthy);
    for (const auto& one : report.at("checks").as_array()) {
      const object& check = one.as_object();
      const std::string state = text_of(check, "state");
      EXPECT_EQ(state == "ok", check.at("remedy").is_null()) << boost::json::serialize(check);
      found[text_of(check, "name")] = state + ": " + text_of(check, "what");
    }
    return found;
  }
  std::map<std::string, std::string> with_gateway(std::vector<std::string> more = {},
                                                  int code = kHealthy) {
    more.insert(more.end(), {"--gateway", scene.gateway.url()});
    return checks(more, code);
  }

  Started scene;
};

TEST_F(Doctor, OfADaemonThatIsWell) {
  const auto found = with_gateway();
  for (const char* name :
       {"project",  "options", "worker",      "python",   "toolchain", "socket",
        "versions", "daemon",  "limits",      "link",     "disk",      "filesystem",
        "cgroup",   "pidfd",   "cgroup.kill", "landlock", "seccomp",   "userns",
        "gateway",  "token",   "dns",         "tcp",      "upgrade",   "clock"}) {
    EXPECT_THAT(found, Contains(Key(name)));
  }
  EXPECT_THAT(found.at("daemon"), HasSubstr("ok: pid " + std::to_string(scene.daemon.pid())));
  EXPECT_THAT(found.at("project"), HasSubstr("1 workflow"));
  const Finished text = charter_daemon(scene.project, {"doctor"});
  EXPECT_THAT(text.out, HasSubstr("ok    project     " + scene.project.root()));
  EXPECT_THAT(text.out, HasSubstr(" failed.\n"));
}

TEST_F(Doctor, OfAProjectThatCannotBeRead) {
  const std::string sound = read_file(scene.project / "charter.yml");
  for (const char* text : {"{", "- a\n", "name: x\nfoo: 5\n", "name: x\ncapabilities: 5\n"}) {
    write_file(scene.project / "charter.yml", text);
    EXPECT_THAT(with_gateway({}, kFailed).at("project"), HasSubstr("fail: ")) << text;
  }
  write_file(scene.project / "charter.yml", sound);
  std::filesystem::remove(scene.project / "workflows/hello/manifest.yml");
  EXPECT_THAT(with_gateway().at("project"), HasSubstr("cannot be started: hello: "));
}

TEST_F(Doctor, OfPlacesThatAStartCouldNotUse) {
  const std::string nowhere = scene.project.scratch("nowhere/log");
  EXPECT_THAT(with_gateway({"--log-file", nowhere}, kFailed).at("options"),
              HasSubstr("fail: a start would fail: --log-file: "));
  EXPECT_THAT(with_gateway({"--data-dir", "charter.yml"}, kFailed).at("options"),
              HasSubstr("charter.yml is no directory"));
}

TEST_F(Doctor, OfAToolchainThatIsNoPython) {
  const auto found = with_gateway({"--toolchain-python", "/bin/true"}, kFailed);
  EXPECT_THAT(found.at("toolchain"), HasSubstr("fail: /bin/true is no Python"));
}

// The gateway that is looked at is that of the daemon, where none is named.
TEST_F(Doctor, AsksTheDaemonWhichGatewayItHas) {
  EXPECT_TRUE(eventually(kSoon, [this] { return checks().at("link").starts_with("ok"); }));
  EXPECT_THAT(checks().at("gateway"), HasSubstr(scene.gateway.url().substr(7)));
}

// The socket moves along with the project, and who listens on it does not.
TEST_F(Doctor, OfAProjectThatWasMovedUnderItsDaemon) {
  const std::string moved = scene.project.scratch("moved");
  // One that still starts could not read what it has to.
  ASSERT_FALSE(control(scene.daemon.socket(), "ping").empty());
  std::filesystem::rename(scene.project.root(), moved);
  const auto in_new_place = [&moved](std::vector<std::string> words) {
    ChildSpec spec;
    spec.argv = std::move(words);
    spec.argv.insert(spec.argv.begin(), daemon_binary());
    spec.directory = moved;
    return run_to_end(spec);
  };
  const Finished looked = in_new_place({"doctor", "--gateway", scene.gateway.url()});
  EXPECT_EQ(looked.code, kFailed);
  EXPECT_THAT(looked.out, HasSubstr("it serves " + scene.project.root() + ", not this project"));
  const Finished refused = in_new_place({"run", "hello"});
  EXPECT_THAT(refused.err, HasSubstr(scene.project.root()));
  EXPECT_THAT(refused.err, HasSubstr("stop this daemon and start one there"));
  std::filesystem::rename(moved, scene.project.root());
}

TEST_F(Doctor, OfADaemonThatIsDown) {
  scene.daemon.kill();
  auto found = with_gateway();
  EXPECT_THAT(found.at("daemon"), HasSubstr("warn: No daemon serves"));
  EXPECT_THAT(found.at("upgrade"), HasSubstr("ok: "));
  std::filesystem::remove(scene.daemon.socket());
  found = with_gateway();
  EXPECT_THAT(found.at("socket"), HasSubstr("warn: there is none"));
  EXPECT_THAT(found, Not(Contains(Key("daemon"))));
}

// It is stopped and answers nothing: that is found out, and nothing hangs.
TEST_F(Doctor, OfADaemonThatDoesNotAnswer) {
  scene.daemon.signal(SIGSTOP);
  const auto begun = Clock::now();
  const auto found = with_gateway();
  scene.daemon.signal(SIGCONT);
  EXPECT_THAT(found.at("daemon"), HasSubstr("warn: "));
  EXPECT_LT(since(begun), kSoon);
}

// The system's resolver waits for tens of seconds; only root can give it a server that is silent.
TEST_F(Doctor, OfANameServerThatDoesNotAnswer) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs a mount namespace and port 53";
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(53);
  ::inet_pton(AF_INET, "127.77.53.1", &address.sin_addr);
  const ipc::UniqueFd silent(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(::bind(silent.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const std::string servers = scene.project.scratch("resolv.conf");
  write_file(servers, "nameserver 127.77.53.1\n");
  ChildSpec spec;
  spec.argv = {"unshare",
               "--mount",
               "sh",
               "-c",
               "mount --bind \"$1\" /etc/resolv.conf || exit 77\n"
               "exec \"$0\" doctor --gateway http://gateway.example --connect-timeout 0.3",
               daemon_binary(),
               servers};
  spec.directory = scene.project.root();
  const auto begun = Clock::now();
  const Finished done = run_to_end(spec);
  if (done.code == 77) GTEST_SKIP() << done.err;
  EXPECT_EQ(done.code, kFailed);
  EXPECT_THAT(done.out, HasSubstr("fail  dns         look up gateway.example: no answer in time"));
  EXPECT_LT(since(begun), kSoon);
}

TEST_F(Doctor, OfAProjectThatIsNone) {
  ChildSpec spec;
  spec.argv = {daemon_binary(), "doctor", "--gateway", scene.gateway.url()};
  spec.directory = scene.project.scratch("");
  const Finished done = run_to_end(spec);
  EXPECT_EQ(done.code, kFailed);
  EXPECT_THAT(done.out, HasSubstr("fail  project     No charter.yml"));
  EXPECT_THAT(done.out, HasSubstr("ok    upgrade"));
}

TEST_F(Doctor, OfOptionsThatAStartWouldRefuse) {
  EXPECT_THAT(with_gateway({"--max-runs", "0"}, kFailed).at("options"),
              HasSubstr("'--max-runs': must be at least 1"));
  EXPECT_EQ(charter_daemon(scene.project, {"doctor", "--max-runs", "many"}).code, kUsage);
}

TEST_F(Doctor, OfATokenThatOthersCanRead) {
  const std::string token = scene.project.scratch("token");
  write_file(token, "s3cret-of-a-test\n");
  ::chmod(token.c_str(), 0644);
  EXPECT_THAT(with_gateway({"--token-file", token}).at("token"), HasSubstr("warn: "));
  for (const bool json : {false, true}) {
    std::vector<std::string> arguments{"doctor", "--token-file", token};
    if (json) arguments.emplace_back("--json");
    const Finished done =
        charter_daemon(scene.project, arguments, {{"CHARTER_GATEWAY_DAEMON_TOKEN", "s3cret-too"}});
    EXPECT_THAT(done.out + done.err, Not(HasSubstr("s3cret")));
  }
}

TEST_F(Doctor, OfDataThatIsGoneWithTheMachine) {
  EXPECT_THAT(with_gateway({"--data-dir", "/dev/shm/charter-doctor-test"}).at("filesystem"),
              HasSubstr("warn: tmpfs"));
  EXPECT_FALSE(exists("/dev/shm/charter-doctor-test")) << "nothing is made";
}

// A disk that the kernel has made read-only after an error looks like this.
TEST_F(Doctor, OfADiskThatTakesNothing) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs a mount namespace";
  const std::string data = scene.project.scratch("data");
  std::filesystem::create_directories(data);
  ChildSpec spec;
  spec.argv = {"unshare",
               "--mount",
               "sh",
               "-c",
               "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" || exit 77\n"
               "exec \"$0\" doctor --data-dir \"$1\" --gateway \"$2\"",
               daemon_binary(),
               data,
               scene.gateway.url()};
  spec.directory = scene.project.root();
  const Finished done = run_to_end(spec);
  if (done.code == 77) GTEST_SKIP() << done.err;
  EXPECT_EQ(done.code, kFailed);
  EXPECT_THAT(done.out, HasSubstr("fail  disk        " + data + " cannot be written: Read-only"));
}

TEST_F(Doctor, OfAnInterpreterThatDoesNotWork) {
  write_file(scene.project / ".charter/.venv/bin/python", "#!/bin/sh\nexit 3\n");
  ::chmod((scene.project / ".charter/.venv/bin/python").c_str(), 0755);
  EXPECT_THAT(with_gateway({}, kFailed).at("python"), HasSubstr("has failed"));
  write_file(scene.project / ".charter/.venv/bin/python", "#!/bin/sh\necho Python 3.11.2\n");
  EXPECT_THAT(with_gateway().at("python"), HasSubstr("ok: Python 3.11.2"));
}

// An upgrade that replaced one of the two programs only.
TEST_F(Doctor, OfAWorkerOfAnotherVersion) {
  const std::string bin = scene.project.scratch("bin");
  std::filesystem::create_directories(bin);
  std::filesystem::copy_file(daemon_binary(), bin + "/charter-daemon");
  ChildSpec spec;
  spec.argv = {bin + "/charter-daemon", "doctor", "--gateway", scene.gateway.url()};
  spec.directory = scene.project.root();
  EXPECT_THAT(run_to_end(spec).out, HasSubstr("fail  worker      charter-worker is not beside"));
  write_file(bin + "/charter-worker", "#!/bin/sh\necho charter-worker 9.9\n");
  ::chmod((bin + "/charter-worker").c_str(), 0755);
  const Finished done = run_to_end(spec);
  EXPECT_EQ(done.code, kFailed);
  EXPECT_THAT(done.out, HasSubstr("says 'charter-worker 9.9'"));
}

}  // namespace
}  // namespace charter::tests
