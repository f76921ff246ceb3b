// The scene of a loss of power: real runs whose writes are traced, and any moment of them as a disk
// that honours flush may hold it. A daemon starts on that, knows what was promised, and does
// nothing twice.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <set>
#include "tests/support/call_trace.h"
#include "tests/support/daemon_process.h"
#include "tests/support/flushed_disk.h"
#include "tests/support/hand_off_client.h"
#include "tests/support/project_fixture.h"
#include "tests/support/ws_frame.h"
#include "tests/support/ws_server.h"

namespace charter::tests {

namespace fs = std::filesystem;
using boost::json::object;

inline constexpr const char* kLosses[] = {"nothing lost", "unsynced lost", "torn", "mixed"};

inline bool is_end(std::string_view kind) {
  return kind == "RunCompleteEvent" || kind == "RunFailedEvent" || kind == "RunCancelledEvent";
}

// An event as it was sent, or as the journal has it.
struct Told {
  Moment at = 0;
  std::string run;
  std::int64_t seq = 0;
  object event;
};

inline std::optional<Told> told_by(std::string_view text, Moment at) {
  boost::system::error_code bad;
  const auto parsed = boost::json::parse(text, bad);
  if (bad || !parsed.is_object()) return std::nullopt;
  const object& message = parsed.get_object();
  if (text_of(message, "type") != "run.event") return std::nullopt;
  return Told{at, text_of(message, "run_id"), message.at("seq").to_number<std::int64_t>(),
              message.at("event").as_object()};
}

// What a client was answered with yes.
struct Promise {
  enum class What { accepted, approved, cancelled };
  What what = What::accepted;
  std::string run;
  double asked_s = 0;
  double answered_s = 0;
  Moment at = 0;
};

struct Executed {
  Moment at = 0;
  std::string run;
  std::string step;
};

inline double clock_s() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

class CrashImages : public ::testing::Test {
 protected:
  CrashImages() : trace_(project_.scratch("trace")), charter_(project_.root() + "/.charter") {}

  void SetUp() override {
    if (!tracing_is_possible()) GTEST_SKIP() << "strace is not installed, or may not trace";
    if (in_own_mounts().empty()) GTEST_SKIP() << "no mount namespace to show another boot in";
    add_workflows();
    ASSERT_NO_FATAL_FAILURE(record());
    ASSERT_NO_FATAL_FAILURE(understand());
  }

  std::string log(const std::string& run) const { return project_.scratch(run + ".steps"); }
  std::string hold() const { return project_.scratch("hold"); }

  static std::string noted(const char* step, const std::string& more = {}) {
    return shell_step(step, std::string("echo ") + step + " >> \"$log\"\n" + more,
                      "inputs: {log: log}");
  }
  static std::string keep(const std::string& key) {
    return "  - {id: keep, type: state, action: set, key: " + key + ", inputs: {value: log}}\n";
  }
  // One a run, of the same name.
  void add_workflows() const {
    for (const char* run : {"r0", "r1", "r2"}) {
      project_.add_workflow(run, noted("a") + state_steps(3) + keep(run) +
                                     shell_step("b", "echo b >> \"$log\"; echo said",
                                                "inputs: {log: log}\n"
                                                "outputs: {stdout: artifact}"));
    }
    project_.add_workflow("gated", noted("a") + keep("gated") + gate_step("gate") + noted("b"));
    project_.add_workflow("bad", noted("a") + noted("b", "exit 3"));
    project_.add_workflow(
        "held", noted("a", "while [ -e " + hold() + " ]; do sleep 0.02; done") + noted("b"));
  }

  DaemonOptions options() const {
    DaemonOptions options;
    options.gateway = gateway_.url();
    options.arguments = arguments_;
    return options;
  }

  // ---- the runs that are recorded

  template <class Ask>
  void promised(Promise::What what, const std::string& run, Ask ask) {
    Promise promise{what, run, clock_s(), 0, 0};
    ASSERT_TRUE(ask()) << run;
    promise.answered_s = clock_s();
    promises_.push_back(promise);
  }
  void hand_off_run(const DaemonProcess& daemon, const std::string& run) {
    promised(Promise::What::accepted, run, [&] {
      return hand_off(daemon.socket(),
                      {run, run, project_.plan(run), {{"log", log(run)}}, {}, nullptr})
          .ok;
    });
  }

  DaemonOptions traced(const std::string& inject = {}) const {
    DaemonOptions traced = options();
    traced.command = tracing_command(trace_, inject);
    traced.command.push_back(daemon_binary());
    return traced;
  }

  virtual void record() {
    write_file(hold(), "");
    DaemonProcess daemon(project_, traced());
    const std::string& socket = daemon.socket();
    hand_off_run(daemon, "r0");
    hand_off_run(daemon, "gated");
    hand_off_run(daemon, "held");
    hand_off_run(daemon, "bad");
    hand_off_run(daemon, "r1");
    ASSERT_TRUE(reaches_state(socket, "gated", "paused"));
    promised(Promise::What::approved, "gated", [&] {
      const auto answer = control(socket, "resume", {{"run_id", "gated"}, {"approved", true}});
      return !answer.empty() && answer.front().at("ok").as_bool();
    });
    ASSERT_TRUE(eventually(kSoon, [&] { return lines_of(log("held")).size() == 1; }));
    promised(Promise::What::cancelled, "held", [&] {
      const auto answer = control(socket, "kill", {{"run_id", "held"}, {"grace_ms", 200}});
      return !answer.empty() && answer.back().at("ok").as_bool();
    });
    hand_off_run(daemon, "r2");
    for (const char* run : {"r0", "gated", "held", "bad", "r1", "r2"}) {
      ASSERT_TRUE(reaches_state(socket, run, "finished")) << run << "\n" << daemon.log();
    }
    // An end that is only on disk is told by the next daemon, which this trace would not show.
    ASSERT_TRUE(eventually(kRunTime, [&] { return all_over(socket, 0); })) << daemon.log();
    (void)daemon.stop();
    ASSERT_EQ(unlink(hold().c_str()), 0);
    for (const char* run : {"r0", "gated", "held", "bad", "r1", "r2"}) runs_.emplace_back(run);
  }

  // Reads from the trace what was on the disk, and what the outside knew, at each moment.
  void understand() {
    std::map<std::string, std::string> streams;   // of the gateway's connections
    std::map<std::string, std::string> messages;  // of them, as far as they were sent
    const auto calls = read_trace(trace_);
    for (const TracedCall& call : calls) {
      disk_.take(call);
      if (call.name == "sendto" || call.name == "sendmsg") hear(call, streams, messages);
      if (call.name == "write") note_step(call);
    }
    disk_.finish();
    ASSERT_TRUE(disk_.strangers().empty()) << disk_.strangers().front();
    for (const Promise& promise : promises_) {
      ASSERT_NE(promise.at, 0U) << "no answer of " << promise.run << " was traced";
    }
    ASSERT_GT(disk_.moments().size(), 100U);
    expect_one_end_each();
  }

  // Told again by the next daemon where it was not confirmed, but the same one.
  void expect_one_end_each() const {
    std::map<std::string, const Told*> ends;
    for (const Told& told : told_) {
      if (!is_end(text_of(told.event, "kind"))) continue;
      const Told* first = ends.emplace(told.run, &told).first->second;
      ASSERT_EQ(first->seq, told.seq) << told.run;
      ASSERT_EQ(first->event, told.event) << told.run;
    }
    ASSERT_EQ(ends.size(), runs_.size()) << "an end was not told";
  }

  void hear(const TracedCall& call, std::map<std::string, std::string>& streams,
            std::map<std::string, std::string>& messages) {
    if (call.result <= 0) return;
    const std::string& argument = call.arguments[1];
    const auto vectors = argument.find("msg_iov=");
    std::string bytes = quoted_text(
        vectors == std::string::npos
            ? std::string_view(argument)
            : std::string_view(argument).substr(vectors, argument.find("msg_iovlen=") - vectors));
    bytes.resize(std::min(bytes.size(), static_cast<std::size_t>(call.result)));
    const std::string name = annotation(call.arguments[0]);
    if (bytes.starts_with("GET ")) streams[name] = {};
    if (const auto stream = streams.find(name); stream != streams.end()) {
      stream->second += bytes;
      if (stream->second.starts_with("GET ")) {
        const auto head = stream->second.find("\r\n\r\n");
        if (head == std::string::npos) return;
        stream->second.erase(0, head + 4);
      }
      while (const auto frame = take_frame(stream->second)) {
        if (frame->opcode != WsOpcode::text && frame->opcode != WsOpcode::more) continue;
        std::string& message = messages[name];
        message += frame->payload;
        if (!frame->fin) continue;
        if (auto told = told_by(message, call.begun)) told_.push_back(std::move(*told));
        message.clear();
      }
    } else if (bytes.starts_with(R"({"ok":true)")) {
      for (Promise& promise : promises_) {
        if (promise.asked_s <= call.at_s && call.at_s <= promise.answered_s) {
          promise.at = call.begun;
        }
      }
    }
  }

  void note_step(const TracedCall& call) {
    const std::string path = annotation(call.arguments[0]);
    if (!path.ends_with(".steps")) return;
    const std::string run = fs::path(path).stem();
    std::string step = quoted_text(call.arguments[1]);
    step.pop_back();
    executed_.push_back({call.begun, run, step});
  }

  // ---- the images

  // The ledger's directory stays what it was: it is where the daemon thinks it is.
  void build(const FlushedDisk::Image& image) const {
    const std::string ledger = charter_ + "/daemon/ledger";
    const std::string kept = project_.scratch("ledger");
    std::error_code none;
    fs::rename(ledger, kept, none);
    fs::remove_all(charter_);
    fs::create_directory(charter_);
    for (const auto& [path, bytes] : image) {
      if (bytes) {
        write_file(path, *bytes);
      } else if (path == ledger) {
        for (const auto& old : fs::directory_iterator(kept)) fs::remove(old);
        fs::rename(kept, ledger);
      } else {
        fs::create_directory(path);
      }
    }
    for (const std::string& run : runs_) (void)unlink(log(run).c_str());
  }

  // What has a mount namespace of its own for a command; who is not root needs a user namespace for
  // it, too. Nothing where neither can be had.
  static const std::vector<std::string>& in_own_mounts() {
    static const std::vector<std::string> found = [] {
      std::vector<std::string> with{"/usr/bin/unshare", "--mount"};
      if (::geteuid() != 0) {
        with.insert(with.end(), {"--user", "--map-current-user", "--keep-caps"});
      }
      ChildSpec spec;
      spec.argv = with;
      spec.argv.insert(spec.argv.end(), {"/bin/mount", "--bind", "/etc", "/mnt"});
      if (run_to_end(std::move(spec)).code != 0) with.clear();
      return with;
    }();
    return found;
  }

  // With another boot's id.
  DaemonOptions rebooted() const {
    DaemonOptions after = options();
    const std::string id = project_.scratch("boot_id");
    write_file(id, "00000000-0000-4000-8000-000000000001\n");
    after.command = in_own_mounts();
    after.command.insert(
        after.command.end(),
        {"/bin/sh", "-c",
         "mount --bind " + id + " /proc/sys/kernel/random/boot_id && exec \"$0\" \"$@\"",
         daemon_binary()});
    return after;
  }

  bool is_promised(const std::string& run, Promise::What what, Moment at) const {
    return std::ranges::any_of(promises_, [&](const Promise& one) {
      return one.run == run && one.what == what && one.at <= at;
    });
  }

  // Approves what waits and was not decided; true once every run is over and delivered.
  bool all_over(const std::string& socket, Moment at) const {
    const auto lines = control(socket, "list");
    if (lines.empty()) return false;
    for (const auto& one : lines.back().at("runs").as_array()) {
      const object& run = one.as_object();
      const std::string id = text_of(run, "run_id");
      const std::string state = text_of(run, "state");
      if (state == "paused" && !is_promised(id, Promise::What::approved, at)) {
        (void)control(socket, "resume", {{"run_id", id}, {"approved", true}});
      }
      if (state != "finished") return false;
    }
    const auto status = control(socket, "status");
    return !status.empty() &&
           status.back().at("daemon").at("gateway").at("backlog_runs").to_number<int>() == 0;
  }

  void survive(Moment at, Loss loss, std::uint32_t seed) {
    SCOPED_TRACE(std::string(kLosses[static_cast<int>(loss)]) + " at moment " + std::to_string(at) +
                 ", seed " + std::to_string(seed));
    const auto image = disk_.image(at, loss, seed);
    (void)unlink(project_.scratch("daemon.log").c_str());
    build(image);
    const std::size_t connection = gateway_.connections();
    const DaemonOptions after = rebooted();
    std::unique_ptr<DaemonProcess> daemon;
    ASSERT_NO_THROW(daemon = std::make_unique<DaemonProcess>(project_, after))
        << read_file(project_.scratch("daemon.log"));
    const std::string socket = daemon->socket();
    const auto status = control(socket, "status");
    ASSERT_FALSE(status.empty());
    ASSERT_TRUE(status.back().at("daemon").at("holding").is_null()) << daemon->log();
    ASSERT_TRUE(eventually(kRunTime, [&] { return all_over(socket, at); }))
        << daemon->log() << boost::json::serialize(control(socket, "list").back());
    std::vector<Told> later;
    for (std::size_t i = connection; i < gateway_.connections(); ++i) {
      for (const WsMessage& message : gateway_.record(i).messages) {
        if (auto told = told_by(message.text, at)) later.push_back(std::move(*told));
      }
    }
    for (const std::string& run : runs_) {
      ASSERT_NO_FATAL_FAILURE(expect_kept(socket, run, at, later)) << run << "\n" << daemon->log();
    }
    (void)daemon->stop();
  }

  void expect_kept(const std::string& socket, const std::string& run, Moment at,
                   const std::vector<Told>& later) const {
    std::map<std::int64_t, object> journal;
    std::string end;
    for (const object& line : control(socket, "events", {{"run_id", run}})) {
      auto told = told_by(boost::json::serialize(line), 0);
      if (!told) continue;
      const std::string kind = text_of(told->event, "kind");
      ASSERT_EQ(told->seq, static_cast<std::int64_t>(journal.size())) << "a gap";
      ASSERT_EQ(end, "") << "an event behind the terminal one: " << kind;
      if (is_end(kind)) end = kind;
      journal.emplace(told->seq, std::move(told->event));
    }
    const bool accepted = is_promised(run, Promise::What::accepted, at);
    ASSERT_TRUE(!accepted || !end.empty()) << "was accepted and has no end";
    std::set<std::int64_t> delivered;
    const auto as_it_is = [&](const Told& told) {
      if (told.run != run) return;
      const auto known = journal.find(told.seq);
      ASSERT_NE(known, journal.end()) << "event " << told.seq << " was told and is lost";
      ASSERT_EQ(known->second, told.event) << "was told otherwise";
      delivered.insert(told.seq);
    };
    for (const Told& told : told_) {
      if (told.at > at) continue;
      ASSERT_NO_FATAL_FAILURE(as_it_is(told));
    }
    for (const Told& told : later) ASSERT_NO_FATAL_FAILURE(as_it_is(told));
    ASSERT_EQ(delivered.size(), journal.size()) << "not everything was delivered";
    if (is_promised(run, Promise::What::cancelled, at)) {
      ASSERT_EQ(end, "RunCancelledEvent");
    }
    expect_steps_once(run, at, end);
    expect_side_effects(run, journal);
  }

  void expect_steps_once(const std::string& run, Moment at, const std::string& end) const {
    std::vector<std::string> steps = lines_of(log(run));
    for (const Executed& one : executed_) {
      if (one.run == run && one.at <= at) steps.push_back(one.step);
    }
    std::ranges::sort(steps);
    ASSERT_EQ(std::ranges::adjacent_find(steps), steps.end())
        << "a step was executed twice: " << ::testing::PrintToString(steps);
    if (end == "RunCompleteEvent") {
      ASSERT_EQ(steps, (std::vector<std::string>{"a", "b"}));
    }
  }

  // What a finished step has made is there.
  void expect_side_effects(const std::string& run,
                           const std::map<std::int64_t, object>& journal) const {
    const std::string kv = read_file(charter_ + "/kv.json");
    for (const auto& [seq, event] : journal) {
      if (text_of(event, "kind") != "StepCompleteEvent") continue;
      const std::string step = text_of(event, "step_id");
      if (step == "keep") {
        ASSERT_THAT(kv, ::testing::HasSubstr(log(run)));
      }
      if (step != "b" || !event.contains("outputs")) continue;
      const auto* report = event.at("outputs").as_object().if_contains("stdout");
      if (report == nullptr || !report->is_object()) continue;
      const std::string id = text_of(report->as_object(), "artifact_id");
      const std::string file = charter_ + "/runs/" + run + ".artifacts/" + id + ".json";
      ASSERT_THAT(read_file(file), ::testing::HasSubstr("said"));
    }
  }

  // Every `stride`th of all images, each once.
  void survive_all(Loss loss, std::size_t stride) {
    std::set<FlushedDisk::Image> seen;
    std::size_t number = 0;
    int images = 0;
    for (const Moment at : disk_.moments()) {
      if (number++ % stride != stride / 2) continue;
      const auto seed = static_cast<std::uint32_t>(number);
      if (stride == 1 && !seen.insert(disk_.image(at, loss, seed)).second) continue;
      ASSERT_NO_FATAL_FAILURE(survive(at, loss, seed));
      ++images;
    }
    RecordProperty("images", images);
    EXPECT_GE(images, 5);
  }

  ProjectFixture project_;
  WsServer gateway_;
  std::string trace_;
  std::string charter_;
  std::vector<std::string> arguments_{"--max-runs", "2"};  // of every daemon
  FlushedDisk disk_{charter_};
  std::vector<std::string> runs_;
  std::vector<Promise> promises_;
  std::vector<Told> told_;
  std::vector<Executed> executed_;
};

inline std::string name_of(const ::testing::TestParamInfo<Loss>& info) {
  std::string name = kLosses[static_cast<int>(info.param)];
  std::ranges::replace(name, ' ', '_');
  return name;
}

}  // namespace charter::tests
