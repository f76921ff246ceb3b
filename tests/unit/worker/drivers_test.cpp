// Storage drivers of a project: what their stores are told and when, what their faults become, and
// who has the state after a pause or after the engine's death. The toolchain is the reference's
// environment.
#include <gmock/gmock.h>

#include "tests/unit/worker/driver.h"

namespace charter::worker::testing {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

namespace fs = std::filesystem;

// Notes each call, keeps everything in one file each, and does what the options say of a call.
constexpr const char* kDriver = R"(
import json, os, pathlib, subprocess, sys, time
from charter_core.artifacts import StoredArtifactEnvelope
from charter_core.state import WorkflowRunState

def put(name, value):
    pathlib.Path("held").mkdir(exist_ok=True)
    pathlib.Path("held", name).write_text(json.dumps(value))

def take(name):
    path = pathlib.Path("held", name)
    if not path.exists(): raise KeyError(name)
    return json.loads(path.read_text())

class Backend:
    @classmethod
    def bind_backend(cls, config):
        bound = cls()
        bound.does = config.get("does", {})
        bound.note("bind", config.get("url", ""))
        return bound

    def note(self, *words):
        with open("notes", "a") as file: print(*words, file=file)
        print("a word on standard output")
        if words[0] in self.does: exec(self.does[words[0]])

    def create_state_store(self): return self
    def create_event_store(self): return Events(self)
    def create_artifact_store(self): return Artifacts(self)
    def create_kv_store(self): return Keys(self)

    async def save(self, state):
        self.note("save", state.status, state.current_step_id, json.dumps(state.outputs))
        put(state.run_id, state.to_dict())

    async def load(self, run_id):
        self.note("load")
        return WorkflowRunState.from_dict(take(run_id))

class Events:
    def __init__(self, bound): self.bound = bound
    async def append(self, run_id, *, source, event, occurred_at, worker_id, worker_seq):
        self.bound.note("append", source, event["kind"], occurred_at[-1], worker_id, worker_seq)
        return 40 + worker_seq

class Artifacts:
    def __init__(self, bound): self.bound = bound
    async def write(self, envelope):
        self.bound.note("write", envelope.output_name, envelope.byte_size)
        put(envelope.artifact_id, json.loads(envelope.serialized_envelope))
    async def load(self, artifact_id):
        self.bound.note("load_artifact")
        return StoredArtifactEnvelope.from_dict(take(artifact_id))

class Keys:
    def __init__(self, bound): self.bound = bound
    async def get(self, key):
        self.bound.note("get", key)
        return take("key " + key)
    async def set(self, key, value):
        self.bound.note("set", key, json.dumps(value))
        put("key " + key, value)
)";

std::string reference() {
  const char* named = std::getenv("CHARTER_REFERENCE");
  return (named == nullptr ? std::string(CHARTER_REFERENCE_DEFAULT) : named) + "/bin/python";
}

const std::string kShell =
    R"({"id": "a", "type": "shell", "run": "echo 5", "outputs": {"n": "number"}})";
const std::string kGate = R"({"id": "g", "type": "gate", "show": "s", "message": "m"})";
const std::string kAfter =
    R"({"id": "b", "type": "shell", "run": "echo $n", "inputs": {"n": "n"}, )"
    R"("outputs": {"m": "number"}})";

class DriversTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(reference())) GTEST_SKIP() << "no reference; see scripts/reference";
    ::setenv("CHARTER_DAEMON_TOOLCHAIN_PYTHON", reference().c_str(), 1);
    ::setenv("TEST_DRIVER_PASSWORD", "pass-word", 1);
    const fs::path environment = project_.path(".charter/.venv");
    const fs::path python = fs::canonical(reference());
    const fs::path packages = environment / "lib/python3.11/site-packages";
    fs::create_directories(environment / "bin");
    fs::create_directories(packages / "kept-1.0.dist-info");
    fs::create_symlink(python, environment / "bin/python");
    write_text(environment / "pyvenv.cfg",
               "home = " + python.parent_path().string() + "\nversion = 3.11.2\n");
    write_text(packages / "kept.py", kDriver);
    write_text(packages / "kept-1.0.dist-info/METADATA",
               "Metadata-Version: 2.1\nName: kept\nVersion: 1.0\n");
    write_text(packages / "kept-1.0.dist-info/entry_points.txt",
               "[charter.storage_backends]\nkept = kept:Backend\n");
    configure();
  }
  void TearDown() override {
    ::unsetenv("CHARTER_DAEMON_TOOLCHAIN_PYTHON");
    ::unsetenv("TEST_DRIVER_PASSWORD");
  }

  // What the driver does at calls of these names: {"save": "code"}.
  void configure(const std::string& does = "{}") const {
    write_text(project_.path("charter.yml"),
               "name: test\nstorage: {driver: kept, url: 'x://${TEST_DRIVER_PASSWORD}', does: " +
                   does + "}\n");
  }
  ipc::Job job(const std::vector<std::string>& steps) const {
    std::string all;
    for (const std::string& step : steps) all += (all.empty() ? "" : ", ") + step;
    ipc::Job job = project_.job("r1", "[" + all + "]");
    job.worker_id = "me";
    return job;
  }
  ipc::Job approval() const {
    ipc::Job job = this->job({});
    job.cause = "resume";
    job.burst = 2;
    job.state.clear();
    job.pauses = 1;
    ipc::Command command;
    command.run_id = "r1";
    command.kind = "approve";
    job.command = command;
    return job;
  }
  std::vector<ipc::JournalFrame> run(const ipc::Job& job, const char* mode = "run") {
    fs::remove(project_.path("notes"));
    Worker worker(project_, job, mode);
    EXPECT_EQ(worker.wait(), 0) << log();
    EXPECT_TRUE(childless());
    return frames_of(project_, "r1");
  }
  static std::string text(const std::string& event, const std::string& field) {
    return event.empty() ? "<none>" : json(event).as_object().find(field)->as_string();
  }
  std::string notes() const { return read_text(project_.path("notes")); }
  std::string log() const { return read_text(project_.layout().run_log("r1")); }
  Value held() const { return json(read_text(project_.path("held/r1"))); }
  std::string held(const std::string& field) const {
    return held().as_object().find(field)->as_string();
  }

  Project project_;
};

TEST_F(DriversTest, AreToldEverythingBeforeTheJournalIs) {
  const auto frames = run(job({kShell}));
  EXPECT_EQ(notes(),
            "bind x://pass-word\n"
            "save running None {}\n"
            "save running a {}\n"
            "append worker StepStartEvent Z me 0\n"
            "save running a {\"a\": {\"n\": 5}}\n"
            "append worker StepCompleteEvent Z me 1\n"
            "save completed a {\"a\": {\"n\": 5}}\n"
            "append worker RunCompleteEvent Z me 2\n");
  EXPECT_EQ(kinds(frames), "StepStart StepComplete RunComplete");
  for (const auto& event : bodies<ipc::Event>(frames)) {
    EXPECT_EQ(event.stream_seq, 40 + static_cast<std::int64_t>(event.seq));
  }
  EXPECT_EQ(dump(held()), dump(project_.state("r1"))) << "what the state file has, the driver has";
  EXPECT_THAT(log(), HasSubstr("a word on standard output\n"));
}

TEST_F(DriversTest, KeysAndArtifactsAreTheDriversBeforeTheirStepIsDone) {
  run(job({R"({"id": "s", "type": "state", "action": "set", "key": "k", "inputs": )"
           R"({"value": {"value": [1.0]}}, "outputs": {"done": "string"}})",
           R"({"id": "t", "type": "state", "action": "get", "key": "k", "outputs": )"
           R"({"got": "array"}})",
           R"({"id": "u", "type": "shell", "run": "echo '[1]'", "outputs": {"big": "artifact"}})",
           R"({"id": "v", "type": "shell", "run": "echo $it", "inputs": {"it": "big"}, )"
           R"("outputs": {"out": "array"}})"}));
  const std::string all = notes();
  EXPECT_THAT(all, HasSubstr("append worker StepStartEvent Z me 0\nset k [1.0]\n"
                             "save running s {\"s\": {\"done\": \"ok\"}}\n"));
  EXPECT_THAT(all, HasSubstr("append worker StepStartEvent Z me 2\nget k\nsave running t"));
  EXPECT_THAT(all, HasSubstr("append worker StepStartEvent Z me 4\nwrite big 3\nsave running u"));
  EXPECT_THAT(all, HasSubstr("append worker StepStartEvent Z me 6\nload_artifact\nsave"));
  EXPECT_EQ(held("status"), "completed");
  EXPECT_FALSE(fs::exists(project_.layout().kv_file()));
  EXPECT_FALSE(fs::exists(project_.layout().artifacts_dir("r1")));
}

TEST_F(DriversTest, AFailureIsTheRunsAndSaysNothingSecret) {
  configure(R"_({set: "raise OSError(5, 'x://pass-word is away')"})_");
  const auto frames = run(job({R"({"id": "s", "type": "state", "action": "set", "key": "k", )"
                               R"("inputs": {"value": {"value": 1}}})"}));
  EXPECT_EQ(kinds(frames), "StepStart StepFailed RunFailed");
  EXPECT_EQ(text(last_event(frames, "RunFailed"), "error"),
            "[Errno 5] x://<redacted: sensitive> is away");
  EXPECT_EQ(held("status"), "failed");
  EXPECT_THAT(read_text(project_.layout().state_file("r1")), Not(HasSubstr("pass-word")));
}

TEST_F(DriversTest, ThatCannotBeBoundFailTheRun) {
  configure(R"_({bind: "raise ValueError('not today')"})_");
  const auto frames = run(job({kShell}));
  EXPECT_EQ(kinds(frames), "RunFailed");
  EXPECT_EQ(text(last_event(frames, "RunFailed"), "error"), "not today");
}

TEST_F(DriversTest, CrashIsTheRunsFailureWithItsSignalAndAnotherInterpreterHearsOfIt) {
  configure(R"_({set: "os.abort()"})_");
  const auto frames = run(job({R"({"id": "s", "type": "state", "action": "set", "key": "k", )"
                               R"("inputs": {"value": {"value": 1}}})"}));
  EXPECT_EQ(kinds(frames), "StepStart StepFailed RunFailed");
  EXPECT_THAT(
      text(last_event(frames, "RunFailed"), "error"),
      AllOf(StartsWith("Storage driver 'kept' died during 'kv_set': "), HasSubstr("SIGABRT")));
  EXPECT_EQ(held("status"), "failed");
  EXPECT_THAT(notes(), EndsWith("append worker RunFailedEvent Z me 2\n"));
}

TEST_F(DriversTest, AnEventStoreThatTakesNothingDoesNotKeepARunFromItsEnd) {
  configure(R"_({append: "raise ValueError('no event')"})_");
  Worker worker(project_, job({kShell}));
  EXPECT_EQ(worker.wait(), 0);
  const auto events = bodies<ipc::Event>(frames_of(project_, "r1"));
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].kind, "RunFailedEvent");
  EXPECT_EQ(text(events[0].json, "error"), "no event");
  EXPECT_FALSE(events[0].stream_seq);
}

TEST_F(DriversTest, AfterAPauseTheStateIsWhatTheDriverHolds) {
  run(job({kShell, kGate, kAfter}));
  EXPECT_EQ(held("status"), "paused");
  std::string text = read_text(project_.path("held/r1"));
  text.replace(text.find("{\"n\": 5}"), 8, "{\"n\": 7}");
  write_text(project_.path("held/r1"), text);
  const auto frames = run(approval());
  EXPECT_EQ(kinds(frames),
            "StepStart StepComplete GatePending GateDecision StepStart StepComplete RunComplete");
  EXPECT_EQ(dump(*project_.state("r1").as_object().find("outputs")),
            R"({"a": {"n": 7}, "b": {"m": 7}})");
  EXPECT_THAT(notes(), StartsWith("bind x://pass-word\nload\nload\nsave running g"));
}

// Nothing that was set up is for steps that the driver alone has.
TEST_F(DriversTest, StepsThatOnlyTheDriverHasNeedWhatTheyUse) {
  const std::string shell = R"("type": "shell", "run": "echo $n")";
  const std::pair<const char*, const char*> cases[] = {
      {R"("type": "step", "uses": "nope")",
       "Step 'b': integration 'nope' is not registered. Available: []"},
      {R"("type": "step")",
       "Step 'b': no integration declared. Every regular step must define 'uses'."}};
  for (const auto& [step, error] : cases) {
    for (const char* kind : {"approve", "refuse"}) {
      fs::remove(project_.layout().journal("r1"));
      run(job({kShell, kGate, kAfter}));
      std::string text = read_text(project_.path("held/r1"));
      ASSERT_NE(text.find(shell), std::string::npos) << text;
      text.replace(text.find(shell), shell.size(), step);
      write_text(project_.path("held/r1"), text);
      ipc::Job decision = approval();
      decision.command->kind = kind;
      const auto frames = run(decision);
      if (decision.command->kind == "refuse") {
        EXPECT_THAT(kinds(frames), EndsWith("GatePending GateDecision RunCancelled"));
        continue;
      }
      EXPECT_THAT(kinds(frames), EndsWith("GatePending RunFailed")) << step;
      EXPECT_EQ(DriversTest::text(last_event(frames, "RunFailed"), "error"), error);
      EXPECT_EQ(held("status"), "failed");
    }
  }
}

// The latest frames say what the burst really began from.
TEST_F(DriversTest, WhatTheDriverHeldIsInTheJournalForRecovery) {
  run(job({kShell, kGate, kAfter}));
  std::string text = read_text(project_.path("held/r1"));
  text.replace(text.find("{\"n\": 5}"), 8, "{\"n\": 7}");
  write_text(project_.path("held/r1"), text);
  const auto opened = bodies<ipc::Opened>(run(approval()));
  ASSERT_EQ(opened.size(), 3U);
  EXPECT_EQ(opened[2].burst, 2U);
  EXPECT_THAT(opened[2].state, HasSubstr("\"n\": 7"));
}

TEST_F(DriversTest, ARunThatIsNotPausedInTheDriverStaysAsItIs) {
  run(job({kShell, kGate, kAfter}));
  fs::remove(project_.path("held/r1"));
  const auto frames = run(approval());
  EXPECT_EQ(kinds(frames), "StepStart StepComplete GatePending");
  EXPECT_EQ(bodies<ipc::Pause>(frames).size(), 2U);
}

// The engine died between telling the driver and the journal; the same decision comes again.
TEST_F(DriversTest, ADecisionThatOnlyTheDriverKnowsIsTakenAgain) {
  run(job({kShell, kGate, kAfter}));
  std::string text = read_text(project_.path("held/r1"));
  text.replace(text.find("\"status\": \"paused\""), 18, "\"status\": \"running\"");
  const std::string none = "\"gate_history\": []";
  text.replace(text.find(none), none.size(),
               R"("gate_history": [{"step_id": "g", "approved": true, "note": null, )"
               R"("decided_at": "2026-01-02T03:04:05+00:00"}])");
  write_text(project_.path("held/r1"), text);
  EXPECT_THAT(kinds(run(approval())), EndsWith("GateDecision StepStart StepComplete RunComplete"));
  EXPECT_EQ(held().as_object().find("gate_history")->as_array().size(), 1U);
}

TEST_F(DriversTest, CancellationOfAPausedRunReachesTheDriver) {
  run(job({kShell, kGate, kAfter}));
  ipc::Job cancel = approval();
  cancel.cause = "project";
  cancel.command->kind = "cancel";
  const auto frames = run(cancel, "project");
  EXPECT_EQ(kinds(frames), "StepStart StepComplete GatePending GateDecision RunCancelled");
  EXPECT_EQ(notes(),
            "bind x://pass-word\nload\n"
            "save cancelled g {\"a\": {\"n\": 5}}\n"
            "append worker GateDecisionEvent Z me 3\n"
            "append worker RunCancelledEvent Z me 4\n");
  EXPECT_EQ(bodies<ipc::Event>(frames).back().stream_seq, 44);
}

// All that the driver is told of the end waits for it at most once, also where that fills the pipe.
TEST_F(DriversTest, HungDriverDoesNotKeepACancelledRunFromItsEnd) {
  ipc::Job large = job({kShell, kGate, kAfter});
  large.state = project_.first_state("r1", "[" + kShell + "," + kGate + "," + kAfter + "]",
                                     R"({"large": ")" + std::string(300'000, 'x') + "\"}");
  run(large);
  configure(R"_({load: "time.sleep(1000)"})_");
  ipc::Job cancel = approval();
  cancel.cause = "project";
  cancel.command->kind = "cancel";
  Worker worker(project_, cancel, "project");
  EXPECT_EQ(worker.wait(std::chrono::seconds(60)), 0) << log();
  EXPECT_TRUE(childless());
  const auto frames = frames_of(project_, "r1");
  EXPECT_EQ(kinds(frames), "StepStart StepComplete GatePending GateDecision RunCancelled");
  EXPECT_EQ(bodies<ipc::Terminal>(frames).size(), 1U);
  EXPECT_THAT(log(), HasSubstr("Storage drivers did not answer within 15 s"));
  EXPECT_EQ(held("status"), "paused");
}

TEST_F(DriversTest, LargeStateIsHadFromTheDriverOutsideOfABurst) {
  ipc::Job large = job({kShell, kGate, kAfter});
  large.state = project_.first_state("r1", "[" + kShell + "," + kGate + "," + kAfter + "]",
                                     R"({"large": ")" + std::string(5'000'000, '\'') + "\"}");
  run(large);
  std::string text = read_text(project_.path("held/r1"));
  text.replace(text.find("{\"n\": 5}"), 8, "{\"n\": 7}");
  write_text(project_.path("held/r1"), text);
  ipc::Job cancel = approval();
  cancel.cause = "project";
  cancel.command->kind = "cancel";
  run(cancel, "project");
  EXPECT_EQ(dump(*project_.state("r1").as_object().find("outputs")), R"({"a": {"n": 7}})");
  EXPECT_EQ(held("status"), "cancelled");
  EXPECT_THAT(log(), Not(HasSubstr("storage driver")));
}

TEST_F(DriversTest, DeathOfTheEngineIsToldToTheDriver) {
  Worker worker(project_, job({kShell, R"({"id": "b", "type": "shell", "run": "sleep 1000"})"}));
  ASSERT_TRUE(eventually([this] {
    const auto events = bodies<ipc::Event>(frames_of(project_, "r1"));
    return events.size() == 3;
  }));
  const pid_t engine = std::stoi(read_text("/proc/" + std::to_string(worker.pid()) + "/task/" +
                                           std::to_string(worker.pid()) + "/children"));
  ASSERT_EQ(::kill(engine, SIGKILL), 0);
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_TRUE(childless());
  const auto frames = frames_of(project_, "r1");
  EXPECT_EQ(kinds(frames), "StepStart StepComplete StepStart StepFailed RunFailed");
  EXPECT_EQ(bodies<ipc::Event>(frames).back().stream_seq, 44);
  EXPECT_EQ(held("status"), "failed");
  EXPECT_EQ(dump(held()), dump(project_.state("r1")));
}

// A driver that hangs does not keep recovery from its end, nor do its processes stay.
TEST_F(DriversTest, ARecoveryThatTheDriverRefusesIsTheJournalsAlone) {
  run(job({kShell, kGate, kAfter}));
  configure(R"_({bind: "subprocess.Popen(['setsid', 'sleep', '1000']); os.abort()"})_");
  ipc::Job cancel = approval();
  cancel.cause = "project";
  cancel.command->kind = "cancel";
  const auto frames = run(cancel, "project");
  EXPECT_EQ(kinds(frames), "StepStart StepComplete GatePending GateDecision RunCancelled");
  EXPECT_FALSE(bodies<ipc::Event>(frames).back().stream_seq);
  EXPECT_EQ(held("status"), "paused");
  EXPECT_THAT(log(), HasSubstr("storage driver: The interpreter of Storage drivers died"));
}

TEST_F(DriversTest, AKillTakesWhatADriverStartedAlong) {
  configure(
      R"_({set: "subprocess.Popen(['setsid', 'sleep', '1000']); open('there', 'w'); time.sleep(1000)"})_");
  Worker worker(project_, job({R"({"id": "s", "type": "state", "action": "set", "key": "k", )"
                               R"("inputs": {"value": {"value": 1}}})"}));
  ASSERT_TRUE(eventually([this] { return fs::exists(project_.path("there")); }));
  ASSERT_EQ(::kill(worker.pid(), SIGTERM), 0);
  EXPECT_EQ(worker.wait(std::chrono::seconds(60)), 0);
  EXPECT_TRUE(childless()) << "nothing came up for adoption";
}

}  // namespace
}  // namespace charter::worker::testing
