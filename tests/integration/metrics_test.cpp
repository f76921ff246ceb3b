// --metrics-listen: what a monitoring system is told of the daemon, and where it may ask.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cctype>
#include <filesystem>
#include <map>
#include <regex>
#include <set>
#include <sstream>

#include "tests/support/http_client.h"
#include "tests/support/metrics_port.h"
#include "tests/support/process_table.h"
#include "tests/support/run_groups.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::HasSubstr;

constexpr int kFine = 0;
constexpr int kUsage = 2;

// The text format 0.0.4, read strictly: each family has help and type once and its samples
// together; names, labels and values have their form; buckets ascend to +Inf, which is the count.
// Throws with the line that is wrong.
class Exposed {
 public:
  explicit Exposed(const std::string& text) {
    if (text.empty() || text.back() != '\n') throw std::runtime_error("no line feed at the end");
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) read(line);
    end_family();
  }

  double at(const std::string& sample) const {
    const auto found = samples_.find(sample);
    return found == samples_.end() ? -1 : found->second;
  }
  bool has(const std::string& sample) const { return samples_.contains(sample); }
  std::size_t families() const { return families_.size(); }

 private:
  void read(const std::string& line) {
    static const std::regex help("# HELP ([a-z_][a-z0-9_]*) (\\S.*)");
    static const std::regex type("# TYPE ([a-z_][a-z0-9_]*) (counter|gauge|histogram)");
    static const std::regex sample(
        "([a-z_][a-z0-9_]*)(\\{([a-z_]+=\"([^\"\\\\]|\\\\[\\\\n\"])*\",?)+\\})? (\\S+)");
    std::smatch parts;
    if (std::regex_match(line, parts, help)) {
      end_family();
      name_ = parts[1];
      type_.clear();
      if (!families_.insert(name_).second) throw std::runtime_error("twice: " + line);
    } else if (std::regex_match(line, parts, type)) {
      if (parts[1] != name_ || !type_.empty()) throw std::runtime_error("misplaced: " + line);
      type_ = parts[2];
      if ((type_ == "counter") != name_.ends_with("_total")) {
        throw std::runtime_error("counters end in _total, and nothing else does: " + line);
      }
    } else if (std::regex_match(line, parts, sample)) {
      add(parts[1], parts[2], parts[5]);
    } else {
      throw std::runtime_error("malformed: " + line);
    }
  }

  void add(const std::string& name, const std::string& labels, const std::string& digits) {
    std::size_t read = 0;
    const double value = std::stod(digits, &read);
    if (read != digits.size()) throw std::runtime_error("no number: " + digits);
    const std::string suffix = name.substr(std::min(name_.size(), name.size()));
    const bool histogram = type_ == "histogram";
    const bool known =
        histogram ? suffix == "_bucket" || suffix == "_sum" || suffix == "_count" : suffix.empty();
    if (type_.empty() || !name.starts_with(name_) || !known) {
      throw std::runtime_error("not of family " + name_ + ": " + name);
    }
    if (!samples_.emplace(name + labels, value).second) throw std::runtime_error("twice: " + name);
    if (suffix == "_bucket") {
      if (value < last_bucket_) throw std::runtime_error("buckets do not ascend: " + name);
      last_bucket_ = value;
    }
    if (type_ == "counter" && value < 0) throw std::runtime_error("negative: " + name);
  }

  void end_family() {
    if (type_ == "histogram" &&
        (!has(name_ + "_sum") || at(name_ + "_bucket{le=\"+Inf\"}") != at(name_ + "_count"))) {
      throw std::runtime_error("not a whole histogram: " + name_);
    }
    last_bucket_ = 0;
  }

  std::string name_;
  std::string type_;
  double last_bucket_ = 0;
  std::set<std::string> families_;
  std::map<std::string, double> samples_;
};

DaemonOptions measured(std::vector<std::string> more = {}) {
  DaemonOptions options;
  options.arguments = {"--metrics-listen", "127.0.0.1:0"};
  options.arguments.insert(options.arguments.end(), more.begin(), more.end());
  return options;
}

// The port that the daemon says it has taken.

Exposed scrape(const DaemonProcess& daemon) {
  return Exposed(http(metrics_port(daemon), "GET", "/metrics").body);
}

// A run that meets a limit fails; but the processors' only holds it back.
TEST(Metrics, TellOfLimitsThatAreMet) {
  if (const auto why = why_no_groups(); !why.empty()) GTEST_SKIP() << "no groups here: " << why;
  Started scene(measured({"--run-memory-max", "48M", "--run-pids-max", "20", "--run-cpu-max", "50",
                          "--kill-grace", "0.2"}));
  scene.project.add_workflow(
      "hog", shell_step("hog", "x=$(head -c 200000000 /dev/zero | tr '\\0' x); echo ${#x}"));
  scene.project.add_workflow(
      "many", shell_step("many", "for i in $(seq 60); do sleep 1000 >&- 2>&- & done; wait"));
  scene.project.add_workflow(
      "busy", shell_step("busy", "for i in 1 2 3 4; do (while :; do :; done) & done; wait"));
  const auto hits = [&](const std::string& limit) {
    return scrape(scene.daemon).at("charter_run_limit_hits_total{limit=\"" + limit + "\"}");
  };
  const auto held = [&] { return scrape(scene.daemon).at("charter_runs_held_back_by_cpu"); };
  EXPECT_EQ(held(), 0);
  for (const auto* run : {"hog", "many", "busy"}) ASSERT_TRUE(scene.run(run, run).ok);
  ASSERT_EQ(scene.gateway.wait_for_end("hog"), "RunFailedEvent");
  ASSERT_EQ(scene.gateway.wait_for_end("many"), "RunFailedEvent");
  EXPECT_TRUE(eventually(kSoon, [&] { return hits("memory") == 1 && hits("pids") == 1; }));
  EXPECT_EQ(hits("time"), 0);
  EXPECT_TRUE(eventually(kSoon, [&] { return held() == 1; }));
  EXPECT_EQ(charter_daemon(scene.project, {"kill", "busy"}).code, 0);
  EXPECT_TRUE(eventually(kSoon, [&] { return held() == 0; }));
  EXPECT_EQ(hits("memory"), 1);
  EXPECT_EQ(hits("pids"), 1);
}

TEST(Metrics, TellOfRunsStepsAndWhatTheyCost) {
  Started scene(measured({"--run-time-max", "0.5"}));
  scene.project.add_workflow("two", shell_step("one", "sleep 0.06") + shell_step("two", "true"));
  scene.project.add_workflow("fails", shell_step("stop", "exit 3"));
  scene.project.add_workflow("ask", gate_step("gate"));
  scene.project.add_workflow("slow", shell_step("sleep", "sleep 1000"));
  const Exposed before = scrape(scene.daemon);
  EXPECT_EQ(before.at("charter_steps_started_total"), 0);
  EXPECT_EQ(before.at("charter_runs{state=\"executing\"}"), 0);

  for (const auto* run : {"two", "fails", "ask", "slow"}) ASSERT_TRUE(scene.run(run, run).ok);
  ASSERT_EQ(scene.gateway.wait_for_end("two"), "RunCompleteEvent");
  ASSERT_EQ(scene.gateway.wait_for_end("fails"), "RunFailedEvent");
  ASSERT_EQ(scene.gateway.wait_for_end("slow"), "RunFailedEvent");
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "ask", "paused"));
  ASSERT_TRUE(eventually(kSoon, [&] {
    return scrape(scene.daemon).at("charter_runs_finished_total{status=\"failed\"}") == 2;
  }));

  const Exposed now = scrape(scene.daemon);
  EXPECT_EQ(now.at("charter_runs_accepted_total"), 4);
  EXPECT_EQ(now.at("charter_runs{state=\"paused\"}"), 1);
  EXPECT_EQ(now.at("charter_runs_finished_total{status=\"completed\"}"), 1);
  EXPECT_EQ(now.at("charter_runs_finished_total{status=\"cancelled\"}"), 0);
  EXPECT_EQ(now.at("charter_run_duration_seconds_count"), 3);
  EXPECT_GE(now.at("charter_run_duration_seconds_sum"), 0.5 + 0.06);
  EXPECT_EQ(now.at("charter_run_limit_hits_total{limit=\"time\"}"), 1);
  EXPECT_EQ(now.at("charter_run_limit_hits_total{limit=\"memory\"}"), 0);
  // Two of `two`, one of each other; the gate's step has begun and not ended.
  EXPECT_EQ(now.at("charter_steps_finished_total"), 2);
  EXPECT_EQ(now.at("charter_steps_failed_total"), 2);
  EXPECT_GE(now.at("charter_steps_started_total"), 4);
  EXPECT_EQ(now.at("charter_step_duration_seconds_count"), 4);
  EXPECT_GE(now.at("charter_step_duration_seconds_sum"), 0.06 + 0.5);
  EXPECT_LE(now.at("charter_step_duration_seconds_bucket{le=\"0.05\"}"), 2);
  EXPECT_EQ(now.at("charter_worker_spawn_seconds_count"), 4);
  EXPECT_GT(now.at("charter_worker_spawn_seconds_sum"), 0);
  EXPECT_GT(now.at("charter_journal_bytes_total"), 1000);
  EXPECT_GE(now.at("charter_journal_fsync_seconds_count"), 4);
  EXPECT_GE(now.at("charter_ledger_fsync_seconds_count"), 4);
  EXPECT_GT(now.at("process_resident_memory_bytes"), 1e6);
  EXPECT_GE(now.at("process_open_fds"), 5);
  const std::string version = text_of(control(scene.daemon.socket(), "ping").back(), "version");
  EXPECT_EQ(now.at("charter_build_info{version=\"" + version + "\"}"), 1);
}

// What was counted once is not counted again because a daemon was started anew.
TEST(Metrics, RunsThatEndedBeforeTheStartAreNotCounted) {
  Started scene(measured());
  scene.project.add_workflow("hello", shell_step("greet", "true"));
  scene.gateway.signal(SIGSTOP);  // so that it stays in the registry, undelivered
  ASSERT_TRUE(scene.run("r1", "hello").ok);
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "r1", "finished"));
  EXPECT_EQ(scrape(scene.daemon).at("charter_runs_finished_total{status=\"completed\"}"), 1);
  scene.daemon.kill();
  write_file(scene.daemon.log_file(), "");  // the next port is another one
  scene.daemon.start();
  const Exposed now = scrape(scene.daemon);
  EXPECT_EQ(now.at("charter_runs{state=\"finished\"}"), 1);
  EXPECT_EQ(now.at("charter_runs_finished_total{status=\"completed\"}"), 0);
  scene.gateway.signal(SIGCONT);
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
}

TEST(Metrics, TellOfTheGatewaysBacklogAndOfReconnects) {
  Started scene(measured({"--reconnect-delay", "0.05"}));
  scene.project.add_workflow("hello", shell_step("greet", "true"));
  const auto shown = control(scene.daemon.socket(), "status").back().at("daemon").at("gateway");
  const std::string gateway = "{gateway=\"" + text_of(shown.as_object(), "url") + "\"}";
  const auto figure = [&](const std::string& name) {
    return scrape(scene.daemon).at("charter_gateway_" + name + gateway);
  };
  ASSERT_TRUE(eventually(kSoon, [&] { return figure("up") == 1; }));
  EXPECT_EQ(figure("reconnects_total"), 0);
  scene.gateway.kill();
  ASSERT_TRUE(eventually(kSoon, [&] { return figure("up") == 0; }));
  ASSERT_TRUE(scene.run("r1", "hello").ok);
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "r1", "finished"));
  EXPECT_EQ(figure("backlog_runs"), 1);
  EXPECT_EQ(figure("backlog_events"), 3);
  scene.gateway.restart();
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_TRUE(eventually(
      kSoon, [&] { return figure("backlog_events") == 0 && figure("reconnects_total") == 1; }));
}

// Prometheus's own judgement, where it is installed.
TEST(Metrics, PassThePrometheusLinter) {
  const auto shell = [](const std::string& line) {
    ChildSpec spec;
    spec.argv = {"/bin/sh", "-c", line};
    return run_to_end(std::move(spec));
  };
  if (shell("command -v promtool").code != 0) {
    GTEST_SKIP() << "promtool is not installed";
  }
  Started scene(measured());
  const std::string file = scene.project.scratch("metrics");
  write_file(file, http(metrics_port(scene.daemon), "GET", "/metrics").body);
  const auto lint = shell("promtool check metrics < " + file + " 2>&1");
  EXPECT_EQ(lint.code, 0) << lint.out;
}

TEST(Metrics, HealthAndReadinessAreTwoQuestions) {
  Started scene(measured());
  const auto port = metrics_port(scene.daemon);
  EXPECT_EQ(http(port, "GET", "/healthz").status, 200);
  EXPECT_EQ(http(port, "GET", "/readyz").status, 200);
  ASSERT_EQ(charter_daemon(scene.project, {"drain", "--stay"}).code, kFine);
  EXPECT_EQ(http(port, "GET", "/healthz").status, 200);
  const auto draining = http(port, "GET", "/readyz");
  EXPECT_EQ(draining.status, 503);
  EXPECT_EQ(draining.body, "not ready: draining\n");
  EXPECT_EQ(scrape(scene.daemon).at("charter_draining"), 1);
  ASSERT_EQ(charter_daemon(scene.project, {"drain", "--off"}).code, kFine);
  EXPECT_EQ(http(port, "GET", "/readyz").status, 200);
}

TEST(Metrics, ADaemonThatStopsIsNotReadyButWell) {
  Started scene(measured());
  // An end waits 200 ms for a gateway that does not take leave. A busy machine may let them pass
  // between two questions: then the next end is asked.
  HttpAnswer ready;
  HttpAnswer well;
  for (std::size_t end = 1; end <= 20 && (ready.status != 503 || well.status == 0); ++end) {
    ASSERT_TRUE(scene.gateway.wait_for("worker.register", end));
    const auto port = metrics_port(scene.daemon);
    scene.gateway.signal(SIGSTOP);
    scene.daemon.signal(SIGTERM);
    ASSERT_TRUE(eventually(kSoon, [&] {
      ready = http(port, "GET", "/readyz");
      return ready.status != 200;
    }));
    well = http(port, "GET", "/healthz");
    ASSERT_TRUE(scene.daemon.wait());
    scene.gateway.signal(SIGCONT);
    scene.daemon.start();
  }
  EXPECT_EQ(ready.status, 503);
  EXPECT_EQ(ready.body, "not ready: stopping\n");
  EXPECT_EQ(well.status, 200);
}

// What a gateway has not been told waits for it: nobody has to send runs elsewhere meanwhile.
TEST(Metrics, AGatewayThatIsAwayDoesNotMakeItUnready) {
  Started scene(measured());
  scene.project.add_workflow("hello", shell_step("greet", "true"));
  const auto port = metrics_port(scene.daemon);
  const auto url = control(scene.daemon.socket(), "status").back().at("daemon").at("gateway");
  const std::string sample =
      "charter_gateway_up{gateway=\"" + text_of(url.as_object(), "url") + "\"}";
  const auto up = [&] { return scrape(scene.daemon).at(sample); };
  ASSERT_TRUE(eventually(kSoon, [&] { return up() == 1; }));
  scene.gateway.kill();
  ASSERT_TRUE(eventually(kSoon, [&] { return up() == 0; }));
  EXPECT_EQ(http(port, "GET", "/readyz").status, 200);
  EXPECT_TRUE(scene.run("r1", "hello").ok) << "and that is true";
}

// A daemon over a restored backup takes no runs until somebody says that it may.
TEST(Metrics, ADaemonThatHoldsIsNotReadyAndSaysWhy) {
  Started scene(measured());
  scene.project.add_workflow("hello", shell_step("greet", "true"));
  ASSERT_TRUE(scene.run("r1", "hello").ok);
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "r1", "finished"));
  scene.daemon.kill();
  std::filesystem::remove(scene.project.socket());
  const std::string root = scene.project.root();
  std::filesystem::rename(root, root + ".moved");
  std::filesystem::copy(
      root + ".moved", root,
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::copy_symlinks);
  scene.daemon.start();
  const auto port = metrics_port(scene.daemon);
  const auto held = http(port, "GET", "/readyz");
  EXPECT_EQ(held.status, 503);
  EXPECT_THAT(held.body, ::testing::MatchesRegex("not ready: holding, the ledger is a copy: .+\n"));
  EXPECT_EQ(http(port, "GET", "/healthz").status, 200);
  EXPECT_FALSE(scene.run("r2", "hello").ok);
  ASSERT_EQ(charter_daemon(scene.project, {"adopt"}).code, kFine);
  EXPECT_EQ(http(port, "GET", "/readyz").body, "ready\n");
  EXPECT_TRUE(scene.run("r2", "hello").ok);
  std::filesystem::remove_all(root + ".moved");
}

TEST(Metrics, OtherPathsAndMethodsAreRefused) {
  Started scene(measured());
  const auto port = metrics_port(scene.daemon);
  EXPECT_EQ(http(port, "GET", "/").status, 404);
  EXPECT_EQ(http(port, "GET", "/metrics?x=1").status, 200);
  const auto post = http(port, "POST", "/metrics", "{}");
  EXPECT_EQ(post.status, 405);
  EXPECT_THAT(post.head, HasSubstr("Allow: GET, HEAD"));
  const auto head = http(port, "HEAD", "/metrics");
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.body, "");
  EXPECT_THAT(http(port, "GET", "/metrics").head,
              HasSubstr("Content-Type: text/plain; version=0.0.4; charset=utf-8"));
  EXPECT_EQ(http(port, "GET", "/" + std::string(20'000, 'x')).status, 431);
}

// A web site that has its own name resolve to this machine learns nothing.
TEST(Metrics, AnotherHostsNameIsRefused) {
  Started scene(measured());
  const auto port = metrics_port(scene.daemon);
  const auto asked = [port](const std::string& host) {
    return raw_http(port, "GET /metrics HTTP/1.1\r\nHost: " + host + "\r\n\r\n").status;
  };
  EXPECT_EQ(asked("rebound.example:" + std::to_string(port)), 403);
  EXPECT_EQ(asked("localhost:" + std::to_string(port)), 200);
  EXPECT_EQ(asked("[::1]"), 200);
}

// Many connections that say nothing take nothing from those who hand over runs, and go by
// themselves.
TEST(Metrics, SilentConnectionsAreEndedAndHoldUpNobody) {
  Started scene(measured());
  scene.project.add_workflow("hello", shell_step("greet", "true"));
  const auto port = metrics_port(scene.daemon);
  std::vector<int> silent;
  for (int i = 0; i < 40; ++i) silent.push_back(connect_to_port(port));
  ASSERT_TRUE(scene.run("r1", "hello").ok);
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_TRUE(eventually(kSoon, [&] { return http(port, "GET", "/healthz").status == 200; }));
  for (const int fd : silent) ::close(fd);
}

TEST(Metrics, AreServedOnAUnixSocketThatOnlyItsOwnerMayUse) {
  DaemonOptions options;
  options.arguments = {"--metrics-listen", "unix:.charter/metrics.sock"};
  Started scene(options);
  const std::string path = scene.project / ".charter/metrics.sock";
  ASSERT_FALSE(
      control(scene.daemon.socket(), "ping").empty());  // its socket is there before it serves
  EXPECT_EQ(mode_of(path), 0600U);
  const auto answer = tests::exchange(path, "GET /metrics HTTP/1.1\r\nHost: anything\r\n\r\n");
  ASSERT_TRUE(answer.has_value());
  EXPECT_THAT(*answer, HasSubstr("HTTP/1.1 200 OK"));
  const Exposed metrics(answer->substr(answer->find("\r\n\r\n") + 4));
  EXPECT_GT(metrics.families(), 20U);
  scene.daemon.kill();  // leaves its socket, which the next one replaces
  scene.daemon.start();
  ASSERT_FALSE(control(scene.daemon.socket(), "ping").empty());
  EXPECT_TRUE(can_connect(path));
  scene.daemon.stop();
  EXPECT_FALSE(exists(path));
}

TEST(Metrics, PlacesThatOthersReachAreRefused) {
  ProjectFixture project;
  const auto start = [&](const std::string& place) {
    return charter_daemon(project, {"start", "--project-path", project.root(), "--gateway",
                                    "http://127.0.0.1:9", "--metrics-listen", place});
  };
  for (const auto* place : {"0.0.0.0:9464", "[::]:9464", "192.0.2.7:9464"}) {
    const auto end = start(place);
    EXPECT_EQ(end.code, kUsage) << place;
    EXPECT_THAT(end.err, HasSubstr("Invalid value for '--metrics-listen'"));
    EXPECT_THAT(end.err, HasSubstr("is not a loopback address"));
  }
  for (const auto* place : {"9464", "127.0.0.1", "127.0.0.1:99999", "example.org:1", "unix:"}) {
    const auto end = start(place);
    EXPECT_EQ(end.code, kUsage) << place;
    EXPECT_THAT(end.err, HasSubstr("Invalid value for '--metrics-listen'")) << place;
  }
}

// The place is taken: it says so, and does not start half.
TEST(Metrics, APortThatIsTakenKeepsTheDaemonFromStarting) {
  Started scene(measured());
  ProjectFixture other;
  const std::string place = "127.0.0.1:" + std::to_string(metrics_port(scene.daemon));
  const auto end = charter_daemon(other, {"start", "--project-path", other.root(), "--gateway",
                                          "http://127.0.0.1:9", "--metrics-listen", place});
  EXPECT_EQ(end.code, 1);
  EXPECT_THAT(end.err, HasSubstr("Cannot serve metrics on 127.0.0.1 port"));
  EXPECT_FALSE(exists(other.socket()));
}

}  // namespace
}  // namespace charter::tests
