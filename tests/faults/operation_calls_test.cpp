// The supervisor dies before any system call of an operation, or one fails: what was answered with
// yes is so, what was not can be asked for again, and the runs beside it end once, in order.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>

#include "tests/support/injection.h"
#include "tests/support/process_table.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using boost::json::object;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// How long something is waited for that a fault may have kept from coming.
constexpr milliseconds kAtMost{1500};
constexpr milliseconds kDying{300};
constexpr int kMostRounds = 40;  // of one call
// Over what makes the ledger begin with a snapshot.
constexpr std::size_t kLongNote = 9U << 20;

enum class Said { yes, no, nothing };

std::string line_to_log(std::string_view id) {
  return shell_step(id, "echo " + std::string(id) + " >> \"$log\"", "inputs: {log: log}");
}

// One life of a project, with rounds of an operation. Ids of runs end with the round's number.
class Scene {
 public:
  Scene() : started_(options(), "capnp") {
    started_.project.add_workflow("short", line_to_log("a") + line_to_log("b"));
    started_.project.add_workflow("gated", gate_step("gate") + line_to_log("a"));
    started_.project.add_workflow(
        "asks",
        "  - {id: f, type: input, message: hello, outputs: {answer: q}, questions: [{id: q, "
        "kind: text, prompt: say}]}\n" +
            line_to_log("a"));
    started_.project.add_workflow(
        "held", line_to_log("a") +
                    shell_step("wait", "while [ ! -e \"$log.go\" ]; do sleep 0.02; done",
                               "inputs: {log: log}") +
                    line_to_log("b"));
    started_.project.add_workflow(
        "fails", line_to_log("a") + shell_step("t", "test -e \"$log.go\"", "inputs: {log: log}") +
                     line_to_log("b"));
  }

  Started* operator->() { return &started_; }
  [[nodiscard]] const std::string& socket() { return socket_; }

  void next_round() { ++round_; }
  [[nodiscard]] std::string id(std::string_view name) const {
    return std::string(name) + std::to_string(round_);
  }
  [[nodiscard]] std::string log(const std::string& run) const {
    return started_.project.scratch(run);
  }
  [[nodiscard]] std::vector<std::string> steps(std::string_view name) const {
    return lines_of(log(id(name)));
  }
  void release(std::string_view name) const { write_file(log(id(name)) + ".go", ""); }

  void begin(std::string_view name, const std::string& workflow, std::string_view state) {
    const std::string run = id(name);
    ASSERT_TRUE(started_.run(run, workflow, {{"log", log(run)}}).ok) << run;
    if (!state.empty()) {
      ASSERT_TRUE(reaches_state(socket(), run, state)) << run;
    }
  }
  // One that waits within its second step, so that whatever is begun behind it waits for a slot
  // where there is but one.
  void hold(std::string_view name) {
    ASSERT_NO_FATAL_FAILURE(begin(name, "held", "executing"));
    ASSERT_TRUE(eventually(kRunTime, [&] { return !steps(name).empty(); }));
  }

  // By the socket.
  Said ask(std::string_view op, object fields = {}, milliseconds limit = kAtMost) {
    const auto lines = control(socket(), op, std::move(fields), limit);
    refusal_.clear();
    if (lines.empty() || !lines.back().contains("ok")) return Said::nothing;
    if (lines.back().at("ok").as_bool()) return Said::yes;
    refusal_ = text_of(lines.back(), "error");
    return Said::no;
  }
  // By the gateway, with the command id "c-<run>".
  Said command(std::string_view type, std::string_view name, object fields = {},
               milliseconds limit = kAtMost) {
    const std::string run = id(name);
    const std::string command_id = "c-" + run;
    fields["type"] = type;
    fields["run_id"] = run;
    fields["command_id"] = command_id;
    const std::size_t before = answers(command_id).size();
    started_.gateway.send(fields);
    (void)eventually(
        limit, [&] { return answers(command_id).size() > before || !started_.daemon.running(); });
    const auto all = answers(command_id);
    refusal_.clear();
    if (all.size() == before) return Said::nothing;
    if (all.back().json.at("ok").as_bool()) return Said::yes;
    refusal_ = all.back().text;
    return Said::no;
  }
  // Until it is said; repeats of what was lost on its way.
  bool insist(const std::function<Said()>& asked) {
    return eventually(kSoon, [&] { return asked() == Said::yes; });
  }
  [[nodiscard]] const std::string& refusal() const { return refusal_; }
  [[nodiscard]] std::string state(std::string_view name) {
    return text_of(run_view(socket(), id(name)), "state");
  }
  void expect_end(std::string_view name, std::string_view kind) {
    const std::string run = id(name);
    ASSERT_EQ(started_.gateway.wait_for_end(run, kSoon), kind) << run;
    EXPECT_EQ(started_.gateway.order_faults(run), "") << run;
  }
  void expect_complete(std::string_view name) {
    ASSERT_NO_FATAL_FAILURE(expect_end(name, "RunCompleteEvent"));
    EXPECT_THAT(steps(name), ElementsAre("a", "b")) << id(name);
  }
  // Service as usual: what comes now is taken and carried out.
  void expect_service() {
    ASSERT_TRUE(eventually(kSoon, [&] {
      return started_.run(id("n"), "short", {{"log", log(id("n"))}}).ok ||
             !run_view(socket(), id("n")).empty();
    }));
    expect_complete("n");
  }
  void write_config(int slots) {
    write_file(started_.project.scratch("conf"), "max-runs = " + std::to_string(slots) + "\n");
  }
  void restart() {
    started_.daemon.kill();
    const std::size_t before = started_.gateway.of_type("worker.register").size();
    started_.daemon.start();
    ASSERT_TRUE(started_.gateway.wait_for("worker.register", before + 1));
  }

 private:
  static DaemonOptions options() {
    DaemonOptions options;
    options.prepare = [](const ProjectFixture& project, DaemonOptions& mine) {
      write_file(project.scratch("conf"), "max-runs = 2\n");
      mine.arguments = {"--config", project.scratch("conf"), "--kill-grace",
                        "1",        "--reconnect-delay",     "0.02"};
    };
    return options;
  }
  std::vector<Message> answers(const std::string& command_id) {
    std::vector<Message> found;
    for (auto& message : started_.gateway.of_type("command.result")) {
      if (text_of(message.json, "command_id") == command_id) found.push_back(std::move(message));
    }
    return found;
  }

  Started started_;
  const std::string socket_ = started_.project.socket();
  std::string refusal_;
  int round_ = 0;
};

// What is asked for, and how the answer is held to be true.
struct Operation {
  virtual ~Operation() = default;
  virtual void prepare(Scene&) {}
  virtual Said ask(Scene&) = 0;
  // Whose end follows from a yes; the fault lasts until then, or a while.
  [[nodiscard]] virtual const char* ends() const { return nullptr; }
  // The fault is over and a daemon runs. `said` before: what is so is looked at first, and then
  // asked for once more.
  virtual void check(Scene&, Said said) = 0;
  // Behind the last round.
  virtual void conclude() {}
};

struct KillExecuting final : Operation {
  void prepare(Scene& scene) override { scene.hold("x"); }
  Said ask(Scene& scene) override {
    return scene.ask("kill", {{"run_id", scene.id("x")}, {"grace_ms", 0}});
  }
  void check(Scene& scene, Said said) override {
    if (said != Said::yes) {
      ASSERT_TRUE(scene.insist([&] { return ask(scene); })) << scene.refusal();
    }
    ASSERT_NO_FATAL_FAILURE(scene.expect_end("x", "RunCancelledEvent"));
    EXPECT_THAT(scene.steps("x"), ElementsAre("a"));
    EXPECT_THAT(scene->project.processes_of(scene.id("x")), IsEmpty());
  }
};

// A command of the gateway's to the run x, which ends by it.
struct ByGateway : Operation {
  [[nodiscard]] const char* ends() const override { return "x"; }
  void check(Scene& scene, Said said) override {
    if (said == Said::yes) {
      ASSERT_NO_FATAL_FAILURE(scene.expect_end("x", end));
    }
    if (said == Said::no) expect_untouched(scene);
    ASSERT_TRUE(scene.insist([&] { return ask(scene); })) << scene.refusal();
    ASSERT_NO_FATAL_FAILURE(scene.expect_end("x", end));
    EXPECT_EQ(scene.steps("x"), steps);
  }
  virtual void expect_untouched(Scene&) = 0;  // it was refused
  const char* end = "RunCancelledEvent";
  std::vector<std::string> steps = {};
};

struct Cancel : ByGateway {
  Said ask(Scene& scene) override { return scene.command("run.cancel", "x"); }
  void expect_untouched(Scene& scene) override {
    EXPECT_NE(scene.state("x"), "finished") << "refused, and done";
  }
};

struct CancelExecuting final : Cancel {
  CancelExecuting() { steps = {"a"}; }
  void prepare(Scene& scene) override { scene.hold("x"); }
  void expect_untouched(Scene& scene) override {
    EXPECT_EQ(scene.state("x"), "executing") << "refused, and done";
  }
};

struct CancelQueued final : Cancel {
  void prepare(Scene& scene) override {
    scene.hold("y");
    scene.begin("x", "short", "queued");
  }
  void check(Scene& scene, Said said) override {
    Cancel::check(scene, said);
    scene.release("y");
    scene.expect_complete("y");
  }
};

struct CancelPaused final : Cancel {
  void prepare(Scene& scene) override { scene.begin("x", "gated", "paused"); }
};

struct Submit final : ByGateway {
  Submit() {
    end = "RunCompleteEvent";
    steps = {"a"};
  }
  void prepare(Scene& scene) override { scene.begin("x", "asks", "paused"); }
  Said ask(Scene& scene) override {
    return scene.command("run.input", "x",
                         {{"input", {{"kind", "form"}, {"answers", {{"q", "word"}}}}}});
  }
  void expect_untouched(Scene& scene) override {
    EXPECT_EQ(scene.state("x"), "paused") << "refused, and taken";
  }
};

struct Forget final : Operation {
  void prepare(Scene& scene) override {
    scene.begin("x", "short", "");
    scene.expect_complete("x");
    ASSERT_TRUE(eventually(kSoon, [&] {
      const auto view = run_view(scene.socket(), scene.id("x"));
      return text_of(view, "state") == "finished" && view.at("events") == view.at("delivered");
    }));
  }
  Said ask(Scene& scene) override { return scene.ask("forget", {{"run_id", scene.id("x")}}); }
  [[nodiscard]] static bool is_gone(Scene& scene) {
    const std::string run = scene.id("x");
    return run_view(scene.socket(), run).empty() && !exists(scene->project.journal(run)) &&
           !exists(scene->project.state_file(run));
  }
  void check(Scene& scene, Said said) override {
    if (said != Said::yes) {
      // What is gone, though perhaps not from the disk, may be asked for once more.
      ASSERT_TRUE(scene.insist([&] {
        const Said again = ask(scene);
        return is_gone(scene) ? Said::yes : again;
      })) << scene.refusal();
    }
    EXPECT_TRUE(is_gone(scene));
    EXPECT_EQ(ask(scene), Said::no) << "there is nothing left to be forgotten";
    EXPECT_TRUE(is_gone(scene));
    EXPECT_EQ(scene->gateway.order_faults(scene.id("x")), "");
  }
};

struct Retry final : Operation {
  void prepare(Scene& scene) override {
    scene.begin("x", "fails", "");
    scene.expect_end("x", "RunFailedEvent");
    scene.release("x");
  }
  Said ask(Scene& scene) override {
    return scene.ask("retry", {{"run_id", scene.id("x")}, {"new_run_id", scene.id("z")}});
  }
  [[nodiscard]] const char* ends() const override { return "z"; }
  void check(Scene& scene, Said said) override {
    if (said == Said::no) {
      EXPECT_EQ(scene.state("z"), "") << "refused, and begun";
    }
    if (said != Said::yes) {
      ASSERT_TRUE(scene.insist([&] {
        return run_view(scene.socket(), scene.id("z")).empty() ? ask(scene) : Said::yes;
      })) << scene.refusal();
    }
    ASSERT_NO_FATAL_FAILURE(scene.expect_end("z", "RunCompleteEvent"));
    EXPECT_THAT(scene.steps("x"), ElementsAre("a", "b"));
    EXPECT_EQ(ask(scene), Said::no) << "an id names one run";
  }
};

struct Adopt final : Operation {
  void prepare(Scene& scene) override {
    scene.hold("y");
    scene.begin("x", "short", "queued");
    scene->daemon.kill();
    const std::string ledger = scene->project / ".charter/daemon/ledger";
    std::filesystem::rename(ledger, ledger + ".old");
    std::filesystem::copy(ledger + ".old", ledger);
    std::filesystem::remove_all(ledger + ".old");
    scene->daemon.start();
    ASSERT_TRUE(holds(scene));
    scene.release("y");
    scene.expect_complete("y");
  }
  Said ask(Scene& scene) override { return scene.ask("adopt"); }
  [[nodiscard]] const char* ends() const override { return "x"; }
  [[nodiscard]] static bool holds(Scene& scene) {
    const auto answer = control(scene.socket(), "status");
    return !answer.empty() && !answer.back().at("daemon").at("holding").is_null();
  }
  void check(Scene& scene, Said said) override {
    if (said == Said::yes) {
      EXPECT_FALSE(holds(scene));
    } else {
      if (said == Said::no) {
        EXPECT_TRUE(holds(scene));
      }
      ASSERT_TRUE(scene.insist([&] { return holds(scene) ? ask(scene) : Said::yes; }))
          << scene.refusal();
    }
    ASSERT_NO_FATAL_FAILURE(scene.expect_complete("x"));
    EXPECT_EQ(ask(scene), Said::no) << "nothing is held any more";
  }
};

// Of the slots, which are one and two by turns.
struct Reload final : Operation {
  void prepare(Scene& scene) override {
    scene.hold("y");
    slots_ = slots_ == 1 ? 2 : 1;
    scene.write_config(slots_);
  }
  Said ask(Scene& scene) override { return scene.ask("reload"); }
  void check(Scene& scene, Said said) override {
    if (said != Said::yes) {
      ASSERT_TRUE(scene.insist([&] { return ask(scene); })) << scene.refusal();
    }
    const auto again = control(scene.socket(), "reload");
    ASSERT_FALSE(again.empty());
    EXPECT_TRUE(again.back().at("changed").as_array().empty()) << "not taken on before";
    ASSERT_NO_FATAL_FAILURE(scene.begin("x", "short", slots_ == 1 ? "queued" : ""));
    if (slots_ == 2) scene.expect_complete("x");
    scene.release("y");
    scene.expect_complete("y");
    scene.expect_complete("x");
  }
  int slots_ = 2;
};

// A command so long that the ledger begins anew behind it, while a run executes and one waits.
struct Compaction final : Operation {
  void prepare(Scene& scene) override {
    scene.begin("p", "gated", "paused");
    scene.hold("y");
    scene.begin("x", "short", "queued");
    base_ = base(scene);
  }
  // The newest, finished or not.
  [[nodiscard]] static std::string base(Scene& scene) {
    std::string last;
    for (const auto& entry :
         std::filesystem::directory_iterator(scene->project / ".charter/daemon/ledger")) {
      if (entry.path().extension() == ".more") continue;
      if (entry.path().filename() != "syncing") last = std::max(last, entry.path().string());
    }
    return last;
  }
  Said ask(Scene& scene) override {
    const Said said = scene.ask(
        "kill", {{"run_id", scene.id("x")}, {"note", std::string(kLongNote, 'n')}}, kSoon);
    (void)scene.ask("resume", {{"run_id", scene.id("p")}, {"approved", true}});
    return said;
  }
  void check(Scene& scene, Said said) override {
    if (base(scene) != base_) ++begun_anew_;
    scene.restart();
    for (const char* name : {"p", "x", "y"}) {
      ASSERT_FALSE(scene.state(name).empty()) << name << " was accepted and is lost";
    }
    if (said != Said::yes) {
      ASSERT_TRUE(scene.insist([&] { return scene.ask("kill", {{"run_id", scene.id("x")}}); }));
    }
    ASSERT_NO_FATAL_FAILURE(scene.expect_end("x", "RunCancelledEvent"));
    EXPECT_THAT(scene.steps("x"), IsEmpty());
    scene.release("y");
    scene.expect_complete("y");
    (void)scene.ask("resume", {{"run_id", scene.id("p")}, {"approved", true}});
    ASSERT_NO_FATAL_FAILURE(scene.expect_end("p", "RunCompleteEvent"));
    EXPECT_THAT(scene.steps("p"), ElementsAre("a"));
  }
  void conclude() override { EXPECT_GT(begun_anew_, 0) << "the ledger was never compacted"; }
  std::string base_;
  int begun_anew_ = 0;
};

struct Drain final : Operation {
  void prepare(Scene& scene) override {
    scene.hold("y");
    scene.begin("x", "short", "queued");
  }
  Said ask(Scene& scene) override {
    lives_ = scene->daemon.pid();
    return scene.ask("drain", {{"stay", true}});
  }
  void check(Scene& scene, Said said) override {
    // A drain is for the life of the daemon that was asked.
    const bool on = said == Said::yes && scene->daemon.pid() == lives_;
    scene.release("y");
    scene.expect_complete("y");
    if (on) {
      EXPECT_EQ(scene->run(scene.id("late"), "short").ok, false);
      EXPECT_EQ(scene.state("x"), "queued");
    }
    const Said off = scene.ask("drain", {{"off", true}}, kSoon);
    if (on) {
      EXPECT_EQ(off, Said::yes) << scene.refusal();
    }
    scene.expect_complete("x");
  }
  pid_t lives_ = 0;
};

template <class One>
std::unique_ptr<Operation> make() {
  return std::make_unique<One>();
}

struct Fault {
  const char* name;
  const char* injected;
};

const std::vector<const char*> kUsual{"pwritev", "fdatasync", "unlink", "rename", "write"};

struct Case {
  std::string name;
  std::unique_ptr<Operation> (*make)() = nullptr;
  int slots = 2;
  int most = kMostRounds;  // of one call
  std::vector<const char*> sample = kUsual;
  const char* fault = nullptr;
};

void PrintTo(const Case& one, std::ostream* out) { *out << one.name; }

class OperationCalls : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    if (!Injection::possible()) GTEST_SKIP() << "strace is not installed";
  }

  // Each call's first, second and so on, until the operation makes no more of them.
  void at_calls(const std::vector<const char*>& calls, int most) {
    Scene scene;
    scene.write_config(GetParam().slots);
    scene.restart();
    const auto operation = GetParam().make();
    int struck = 0;
    for (const char* call : calls) {
      int times = 0;
      for (int n = 1; n <= most; ++n) {
        SCOPED_TRACE(std::string(GetParam().fault) + " at " + call + " " + std::to_string(n));
        scene.next_round();
        bool met = false;
        round(scene, *operation, call, n, met);
        if (HasFailure()) {
          std::puts(scene->daemon.log().c_str());
          return;
        }
        if (!met) break;
        ++struck;
        ++times;
      }
      RecordProperty(call, times);
    }
    RecordProperty("struck", struck);
    EXPECT_GT(struck, 0) << "it makes none of these calls";
    operation->conclude();
  }

 private:
  void round(Scene& scene, Operation& operation, const char* call, int n, bool& met) {
    ASSERT_NO_FATAL_FAILURE(operation.prepare(scene));
    ASSERT_FALSE(HasFailure());
    Said said = Said::nothing;
    const bool kills = std::string_view(GetParam().fault) == "signal=SIGKILL";
    {
      Injection injection(scene->daemon.pid(), call, GetParam().fault, std::to_string(n));
      said = operation.ask(scene);
      if (said == Said::yes && operation.ends() != nullptr) {
        (void)eventually(kAtMost, [&] {
          return !alive(scene->daemon.pid()) ||
                 !scene->gateway.wait_for_end(scene.id(operation.ends()), milliseconds(0)).empty();
        });
      }
      if (said == Said::nothing && kills) {
        (void)eventually(kDying, [&] { return !alive(scene->daemon.pid()); });
      }
      met = injection.end();
    }
    if (!scene->daemon.running()) {
      ASSERT_TRUE(kills) << scene->daemon.log();
      met = true;
      scene.restart();
    }
    SCOPED_TRACE(said == Said::yes ? "yes" : said == Said::no ? "no: " + scene.refusal() : "-");
    ASSERT_NO_FATAL_FAILURE(operation.check(scene, said));
    ASSERT_NO_FATAL_FAILURE(scene.expect_service());
    ASSERT_TRUE(scene->daemon.running()) << scene->daemon.log();
  }
};

TEST_P(OperationCalls, SampleOfCalls) { at_calls(GetParam().sample, 1); }

TEST_P(OperationCalls, EveryCall) {
  if (std::string_view(GetParam().fault) == "error=ENOSPC") {  // what reads is never told so
    return at_calls({"pwrite64", "pwritev", "write", "fdatasync", "openat", "renameat2"},
                    GetParam().most);
  }
  at_calls({"pwrite64", "pwritev", "write", "fdatasync", "fsync", "openat", "pread64", "rename",
            "renameat2", "getdents64", "newfstatat", "unlink", "unlinkat", "ftruncate", "vfork",
            "sendmsg"},
           GetParam().most);
}

std::vector<Case> all_cases() {
  const std::vector<Case> operations{{"KillExecuting", make<KillExecuting>},
                                     {"CancelExecuting", make<CancelExecuting>},
                                     {"CancelQueued", make<CancelQueued>, 1},
                                     {"CancelPaused", make<CancelPaused>},
                                     {"Submit", make<Submit>},
                                     {"Forget", make<Forget>},
                                     {"Retry", make<Retry>},
                                     {"Adopt", make<Adopt>, 1},
                                     {"Reload", make<Reload>},
                                     {"Compaction", make<Compaction>, 1, 5, {"rename", "unlink"}},
                                     {"Drain", make<Drain>, 1}};
  const std::vector<Fault> faults{
      {"Killed", "signal=SIGKILL"}, {"Eio", "error=EIO"}, {"Enospc", "error=ENOSPC"}};
  std::vector<Case> cases;
  for (const Case& operation : operations) {
    for (const Fault& fault : faults) {
      cases.push_back(operation);
      cases.back().name += fault.name;
      cases.back().fault = fault.injected;
    }
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(Supervisor, OperationCalls, ::testing::ValuesIn(all_cases()),
                         [](const auto& each) { return each.param.name; });

}  // namespace
}  // namespace charter::tests
