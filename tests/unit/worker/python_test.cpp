// Capabilities of kind `python` and `entry_point`: what they are made of, what they are told, and
// what becomes of the interpreter they share. The toolchain is the reference's environment.
#include <gmock/gmock.h>

#include "tests/unit/worker/driver.h"

namespace charter::worker::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

namespace fs = std::filesystem;

constexpr const char* kModule = R"(
import asyncio, os, subprocess, sys, time
from charter_integration_sdk import WorkflowIntegration
from charter_core.depends import Depends
from pydantic import BaseModel

def note(*words):
    with open("notes", "a") as file:
        print(*words, file=file)

class Base(WorkflowIntegration):
    def __init__(self): pass
    async def setup(self, run_id): note("setup", run_id)
    async def teardown(self): note("teardown")

class Echo(Base):
    async def execute(self, step, context):
        print("to stdout", input_is_empty := sys.stdin.read() == "")
        return {"id": step.id, "uses": step.uses, "with": step.with_config, "inputs": step.inputs,
                "outputs": step.outputs, "variables": context.variables,
                "earlier": context.outputs, "named": context.named_outputs,
                "resolved": context.inputs}

class Does(Base):
    async def execute(self, step, context):
        note("execute")
        scope = dict(globals(), step=step, context=context)
        exec("async def act():\n" + "".join(f"  {line}\n" for line in step.with_config["do"]), scope)
        return await scope["act"]()

class Config(BaseModel):
    size: int
    token: str = "none"

class Typed(WorkflowIntegration):
    config: Config
    def __init__(self, config, capability_id): self.config, self.id = config, capability_id
    async def execute(self, step, context): return [self.id, self.config.size, self.config.token]

class Doubts(Typed):
    async def setup(self, run_id): Config(token=self.config.token, other=self.config.token)

class Tells(Typed):
    async def teardown(self): raise KeyError(self.config.token)

class Keyed(Base):
    requires_outputs = True
    def __init__(self, size, capability_id=None): self.made = [size, capability_id]
    async def execute(self, step, context): return self.made

async def opened():
    note("open")
    try:
        yield [1]
    finally:
        note("close")

class One(Base):
    opened = Depends(opened)
    async def execute(self, step, context):
        self.opened.append(2)
        return self.opened

class Two(Base):
    mine = Depends(opened)
    async def teardown(self):
        note("teardown two")
        raise ValueError("not torn down")
    async def execute(self, step, context): return self.mine

class Late(Base):
    async def setup(self, run_id):
        note("setup late")
        raise ValueError("no setup")
    async def execute(self, step, context): return 1

made = Does()
)";

const std::string kTwice =
    R"(, "retry": {"attempts": 2, "delay_seconds": 0}, "outputs": {"o": "number"})";
const std::string kSecond = R"(, "timeout": "1s")";
const std::string kLonger = R"(, "timeout": "5s")";  // another interpreter is made in it

std::string reference() {
  const char* named = std::getenv("CHARTER_REFERENCE");
  return (named == nullptr ? std::string(CHARTER_REFERENCE_DEFAULT) : named) + "/bin/python";
}

class PythonTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!fs::exists(reference())) GTEST_SKIP() << "no reference; see scripts/reference";
    ::setenv("CHARTER_DAEMON_TOOLCHAIN_PYTHON", reference().c_str(), 1);
    const fs::path environment = project_.path(".charter/.venv");
    const fs::path python = fs::canonical(reference());
    fs::create_directories(environment / "bin");
    fs::create_symlink(python, environment / "bin/python");
    write_text(environment / "pyvenv.cfg",
               "home = " + python.parent_path().string() + "\nversion = 3.11.2\n");
    write_text(project_.path("tools.py"), kModule);
  }
  void TearDown() override { ::unsetenv("CHARTER_DAEMON_TOOLCHAIN_PYTHON"); }

  static std::string capability(const std::string& name, const std::string& config = "{}",
                                const std::string& refs = "null") {
    return R"("i": {"kind": "python", "spec": "tools:)" + name + R"(", "config": )" + config +
           R"(, "env": null, "config_secret_refs": )" + refs + R"(, "secrets_registry": {}})";
  }
  // A step that does these lines of Python.
  static std::string does(const std::vector<std::string>& lines, const std::string& more = "") {
    Array array;
    for (const std::string& line : lines) array.emplace_back(line);
    return R"([{"id": "s", "type": "step", "uses": "i", "with": {"do": )" +
           dump(Value(std::move(array))) + "}" + more + "}]";
  }
  ipc::Job job(const std::string& steps, const std::string& capabilities) {
    ipc::Job job =
        project_.job("r1", steps, R"({"v": [1, "\u00e9"], "big": 12345678901234567890})");
    const std::string none = "\"resolved_capabilities\": {}";
    job.state.replace(job.state.find(none), none.size(),
                      "\"resolved_capabilities\": {" + capabilities + "}");
    return job;
  }
  std::vector<ipc::JournalFrame> run(const std::string& steps, const std::string& capabilities) {
    fs::remove(project_.layout().journal("r1"));
    fs::remove(project_.path("notes"));
    Worker worker(project_, job(steps, capabilities));
    EXPECT_EQ(worker.wait(), 0);
    EXPECT_TRUE(childless());
    return frames_of(project_, "r1");
  }
  static std::string error_of(const std::vector<ipc::JournalFrame>& frames) {
    const std::string event = last_event(frames, "RunFailed");
    return event.empty() ? kinds(frames) : json(event).as_object().find("error")->as_string();
  }
  std::string failing(const std::string& steps, const std::string& capabilities) {
    return error_of(run(steps, capabilities));
  }
  Value output(const std::string& name = "o") {
    const Value state = project_.state("r1");
    const Value* step = state.as_object().find("outputs")->as_object().find("s");
    const Value* found = step == nullptr ? nullptr : step->as_object().find(name);
    return found == nullptr ? Value("<none>") : *found;
  }
  std::string notes() { return read_text(project_.path("notes")); }
  std::string log() { return read_text(project_.layout().run_log("r1")); }

  Project project_;
};

TEST_F(PythonTest, SeesTheStepAndWhatPrintsGoesToTheLog) {
  const auto frames =
      run(R"([{"id": "s", "type": "step", "uses": "i", "with": {"a": 1, "k": null},)"
          R"("inputs": {"x": "v.1", "y": {"value": 2.5}}, "outputs": {"o": "object"}}])",
          capability("Echo"));
  EXPECT_EQ(kinds(frames), "StepStart StepComplete RunComplete") << log();
  EXPECT_EQ(dump(output()),
            R"({"id": "s", "uses": "i", "with": {"a": 1, "k": null}, )"
            R"("inputs": {"x": "v.1", "y": 2.5}, "outputs": {"o": "object"}, )"
            R"("variables": {"v": [1, "\u00e9"], "big": 12345678901234567890}, )"
            R"("earlier": {}, "named": {}, "resolved": {"x": "\u00e9", "y": 2.5}})");
  EXPECT_THAT(log(), HasSubstr("to stdout True\n"));
  EXPECT_EQ(notes(), "setup r1\nteardown\n");
}

TEST_F(PythonTest, ValuesKeepWhatPythonHasOfThem) {
  const std::string number = R"(, "outputs": {"o": "number"})";
  run(does({"return 2 ** 200"}, number), capability("Does"));
  EXPECT_EQ(dump(output()), "1606938044258990275541962092341162602522202993782792835301376");
  run(does({"return float('nan')"}, number), capability("Does"));
  EXPECT_EQ(dump(output()), "NaN");
  run(does({"import enum", "return enum.IntEnum('E', 'a').a"}, number), capability("Does"));
  EXPECT_EQ(dump(output()), "1");
  EXPECT_EQ(failing(does({"return (1, 2)"}, R"(, "outputs": {"o": "array"})"), capability("Does")),
            "Step 's': output 'o' expected type 'array' but got 'tuple'");
  EXPECT_EQ(failing(does({"return {1}"}, R"(, "outputs": {"o": "array", "p": "array"})"),
                    capability("Does")),
            "Step 's': Integration returned 'set' but multiple outputs ['o', 'p'] are declared. "
            "Return an object keyed by output name.");
  EXPECT_EQ(failing(does({"return {'o': [], 'p': b'x', 'q': object()}"},
                         R"(, "outputs": {"o": "array", "p": "array"})"),
                    capability("Does")),
            "Step 's': output 'p' expected type 'array' but got 'bytes'");
  EXPECT_EQ(failing(does({"return [{1}]"}, R"(, "outputs": {"o": "array"})"), capability("Does")),
            "Object of type set is not JSON serializable");
  run(does({"return {1}"}), capability("Does"));
  EXPECT_EQ(project_.state("r1").as_object().find("status")->as_string(), "completed")
      << "nobody asked for the value";
}

TEST_F(PythonTest, IsMadeOfItsConfiguration) {
  ::setenv("CHARTER_TEST_SECRET", "hunter2!", 1);
  const std::string step =
      R"([{"id": "s", "type": "step", "uses": "i", "outputs": {"o": "array"}}])";
  run(step, capability("Typed", R"({"size": 3, "token": null})",
                       R"({"/token": "env://CHARTER_TEST_SECRET"})"));
  ::unsetenv("CHARTER_TEST_SECRET");
  EXPECT_EQ(dump(output()), R"(["i", 3, "hunter2!"])");
  run(step, capability("Keyed", R"({"size": 4})"));
  EXPECT_EQ(dump(output()), R"([4, "i"])");
  EXPECT_THAT(failing(step, capability("Typed", R"({"size": "x"})")),
              StartsWith("Capability 'i': invalid config for integration 'Typed':\n1 validation "
                         "error for Config\nsize\n  Input should be a valid integer"));
  EXPECT_THAT(failing(step, capability("Keyed", R"({"other": 1})")),
              HasSubstr("got an unexpected keyword argument 'other'"));
  EXPECT_EQ(failing(step, capability("made", R"({"other": 1})")),
            "Capability 'i': integration 'tools:made' is already instantiated and cannot accept "
            "capability config.");
  EXPECT_EQ(failing(R"([{"id": "s", "type": "step", "uses": "i"}])",
                    capability("Keyed", R"({"size": 4})")),
            "Step 's': integration 'i' requires outputs to be declared.");
  EXPECT_EQ(failing(step, capability("Typed", "{}", R"({"/a/b": "env://PATH"})")),
            "Capability 'i': config secret ref path '/a/b' is missing.");
}

// Pydantic shows the first and the last bytes of a long value, in which no secret is found whole.
TEST_F(PythonTest, NoPieceOfASecretIsInWhatPydanticSaysOfItsConfiguration) {
  const std::string secret = "ghp_Sesame0Open1Sesame2Open3Sesame4Open5";
  ::setenv("CHARTER_TEST_SECRET", secret.c_str(), 1);
  const std::string step =
      R"([{"id": "s", "type": "step", "uses": "i", "outputs": {"o": "array"}}])";
  const std::string refs = R"({"/token": "env://CHARTER_TEST_SECRET"})";
  for (const auto& [name, config] :
       {std::pair{"Typed", R"({"token": null})"},
        {"Doubts", R"({"size": 1, "token": null})"},
        {"Typed", R"({"size": {"a": "a long text, input_type=str]"}, "token": null})"}}) {
    const auto frames = run(step, capability(name, config, refs));
    const std::string all =
        error_of(frames) + read_text(project_.layout().state_file("r1")) + log();
    EXPECT_THAT(error_of(frames), HasSubstr("input_value=<redacted: sensitive>, input_type=dict]"));
    EXPECT_TRUE(bodies<ipc::Event>(frames).back().sensitive);
    for (const char* piece : {"ghp_", "Sesame", "Open5"}) {
      EXPECT_EQ(all.find(piece), std::string::npos) << name << config << all;
    }
    fs::remove(project_.layout().run_log("r1"));
  }
  ::unsetenv("CHARTER_TEST_SECRET");
  EXPECT_THAT(failing(step, capability("Typed", R"({"token": "no-secret-at-all"})")),
              HasSubstr("input_value={'token': 'no-secret-at-all'}, input_type=dict]"));
}

TEST_F(PythonTest, WhatCannotBeMadeFailsTheRun) {
  const std::string step = does({"return 1"});
  EXPECT_EQ(failing(step, capability("Nobody")), "module 'tools' has no attribute 'Nobody'");
  EXPECT_EQ(failing(step, capability("note")),
            "'tools:note' did not resolve to a WorkflowIntegration");
  EXPECT_EQ(failing(step, R"("i": {"kind": "python", "spec": "absent:X"})"),
            "No module named 'absent'");
  EXPECT_EQ(failing(step, R"("i": {"kind": "python"})"), "'spec'");
  EXPECT_EQ(failing(step, R"("i": {"kind": "entry_point", "name": "absent"})"),
            "Unknown integration 'absent'. Is the package installed?");
}

TEST_F(PythonTest, EntryPointsAreThoseOfTheProjectsPackages) {
  const fs::path packages = project_.path(".charter/.venv/lib/python3.11/site-packages");
  fs::create_directories(packages / "acme-1.dist-info");
  write_text(packages / "acme.py", "from tools import *\n");
  write_text(packages / "tools.py", kModule);
  write_text(packages / "acme-1.dist-info/METADATA", "Name: acme\nVersion: 1\n");
  write_text(packages / "acme-1.dist-info/entry_points.txt",
             "[charter.integrations]\nacme = acme:Keyed\n");
  fs::remove(project_.path("tools.py"));
  run(R"([{"id": "s", "type": "step", "uses": "i", "outputs": {"o": "array"}}])",
      R"("i": {"kind": "entry_point", "name": "acme", "config": {"size": 9}})");
  EXPECT_EQ(dump(output()), R"([9, "i"])") << log();
}

TEST_F(PythonTest, SecretsOfBackendsReachItAndNobodyElse) {
  const fs::path packages = project_.path(".charter/.venv/lib/python3.11/site-packages");
  fs::create_directories(packages / "vault-1.dist-info");
  write_text(packages / "vault.py",
             "class Vault:\n"
             "    @staticmethod\n"
             "    def bind_backend(alias, config, root): return Vault()\n"
             "    def resolve(self, key):\n"
             "        import subprocess\n"
             "        subprocess.Popen(['setsid', 'sleep', '1000'])\n"
             "        return 'hunter' + '2-of-' + key\n");
  write_text(packages / "vault-1.dist-info/METADATA", "Name: vault\nVersion: 1\n");
  write_text(packages / "vault-1.dist-info/entry_points.txt",
             "[charter.secret_backends]\nv = vault:Vault\n");
  const std::string definition =
      R"({"kind": "subprocess", "command": ["/bin/sh", "-c", "echo $T >&2; read l; exit 1"],)"
      R"("env": null, "env_secret_refs": {"T": "registry://a/key"},)"
      R"("secrets_registry": {"a": {"kind": "v"}}})";
  run(R"([{"id": "s", "type": "step", "uses": "i"}])", "\"i\": " + definition);
  EXPECT_EQ(log(), "hunter2-of-key\n");
  EXPECT_EQ(failing(R"([{"id": "s", "type": "step", "uses": "i"}])",
                    R"("i": {"kind": "python", "spec": "hunter2-of-key:X", "config": {"t": null},)"
                    R"("config_secret_refs": {"/t": "registry://a/key"},)"
                    R"("secrets_registry": {"a": {"kind": "v"}}})"),
            "No module named '<redacted: sensitive>'");
}

TEST_F(PythonTest, DependenciesAreSharedAndClosedLast) {
  const std::string steps =
      R"([{"id": "a", "type": "step", "uses": "i"},)"
      R"({"id": "s", "type": "step", "uses": "j", "outputs": {"o": "array"}}])";
  std::string other = capability("Two");
  other.replace(1, 1, "j");
  EXPECT_EQ(kinds(run(steps, other + ", " + capability("One"))),
            "StepStart StepComplete StepStart StepComplete RunComplete");
  EXPECT_EQ(dump(output()), "[1, 2]");
  EXPECT_EQ(notes(), "open\nsetup r1\nsetup r1\nteardown two\nteardown\nclose\n");
  EXPECT_THAT(log(), HasSubstr("teardown: not torn down")) << "and nothing else comes of it";
}

TEST_F(PythonTest, WhatItTellsOfASecretWhenItIsTornDownIsMaskedInTheLog) {
  ::setenv("CHARTER_TEST_SECRET", "p'a\"s\\s", 1);
  run(R"([{"id": "s", "type": "step", "uses": "i"}])",
      capability("Tells", R"({"size": 3, "token": null})",
                 R"({"/token": "env://CHARTER_TEST_SECRET"})"));
  ::unsetenv("CHARTER_TEST_SECRET");
  // Behind what the interpreter says, which a run's log would have masked.
  EXPECT_THAT(log(), ::testing::EndsWith("charter-worker: teardown: '<redacted: sensitive>'\n"));
}

TEST_F(PythonTest, SetupThatFailsEndsTheRunAndTearsDown) {
  EXPECT_EQ(failing(does({"return 1"}), capability("Late")), "no setup");
  EXPECT_EQ(notes(), "setup late\nteardown\n");
}

TEST_F(PythonTest, AnErrorIsTheStepsAndKeepsTheInterpreter) {
  const auto frames =
      run(does({"global count", "count = globals().get('count', 0) + 1",
                "sys.modules['tools'].seen = seen = getattr(sys.modules['tools'], 'seen', 0) + 1",
                "if seen < 3: raise ValueError(f'seen {seen}')", "return seen"},
               R"(, "retry": {"attempts": 3, "delay_seconds": 0}, "outputs": {"o": "number"})"),
          capability("Does"));
  EXPECT_EQ(kinds(frames), "StepStart StepRetry StepRetry StepComplete RunComplete");
  EXPECT_THAT(last_event(frames, "StepRetry"), HasSubstr(R"("error":"seen 2")"));
  EXPECT_EQ(notes(), "setup r1\nexecute\nexecute\nexecute\nteardown\n");
}

TEST_F(PythonTest, ItsDeathIsTheRunsFailureWithTheSignalNamed) {
  EXPECT_EQ(failing(does({"os.kill(os.getpid(), 11)"}), capability("Does")),
            "Integration for capability 'i' died during 'execute': signal 11 (SIGSEGV)");
  EXPECT_EQ(failing(does({"os._exit(7)"}), capability("Does")),
            "Integration for capability 'i' died during 'execute': exit code 7");
  EXPECT_EQ(failing(does({"sys.exit(3)"}), capability("Does")),
            "Integration for capability 'i' died during 'execute': exit code 3");
  write_text(project_.path("dies.py"), "import os\nos.kill(os.getpid(), 9)\n");
  EXPECT_EQ(failing(does({}), R"("i": {"kind": "python", "spec": "dies:X"})"),
            "Integration for capability 'i' died during 'load': signal 9 (SIGKILL)");
}

TEST_F(PythonTest, AnotherAttemptAfterItsDeathSetsUpAnother) {
  const auto frames =
      run(does({"if not os.path.exists('again'):", " open('again', 'w')",
                " subprocess.Popen(['sleep', '1000'])", " os.kill(os.getpid(), 6)", "return 5"},
               kTwice),
          capability("Does"));
  EXPECT_EQ(kinds(frames), "StepStart StepRetry StepComplete RunComplete");
  EXPECT_THAT(last_event(frames, "StepRetry"), HasSubstr("signal 6 (SIGABRT)"));
  EXPECT_EQ(notes(), "setup r1\nexecute\nsetup r1\nexecute\nteardown\n");
}

TEST_F(PythonTest, AnAttemptThatRunsOutOfTimeIsCancelled) {
  const auto frames =
      run(does({"if os.path.exists('again'): return os.getpid()", "open('again', 'w')",
                "note(os.getpid())", "try:", "  await asyncio.sleep(1000)",
                "finally: note('cancelled')"},
               kTwice + kSecond),
          capability("Does"));
  EXPECT_EQ(kinds(frames), "StepStart StepRetry StepComplete RunComplete") << error_of(frames);
  EXPECT_THAT(last_event(frames, "StepRetry"), HasSubstr("exceeded timeout limit of 1s"));
  EXPECT_EQ(notes(), "setup r1\nexecute\n" + dump(output()) + "\ncancelled\nexecute\nteardown\n");
}

TEST_F(PythonTest, AnAttemptThatDoesNotLetGoEndsTheInterpreter) {
  const auto frames =
      run(does({"if os.path.exists('again'): return 1", "open('again', 'w')", "time.sleep(1000)"},
               kTwice + kLonger),
          capability("Does"));
  EXPECT_EQ(kinds(frames), "StepStart StepRetry StepComplete RunComplete") << error_of(frames);
  EXPECT_EQ(notes(), "setup r1\nexecute\nsetup r1\nexecute\nteardown\n");
}

TEST_F(PythonTest, AKilledRunTakesItsPythonAlong) {
  Worker worker(project_, job(does({"subprocess.Popen(['setsid', 'sleep', '1000'])",
                                    "note('there')", "time.sleep(1000)"}),
                              capability("Does")));
  ASSERT_TRUE(eventually([&] { return notes().find("there") != std::string::npos; }));
  ASSERT_TRUE(ipc::request_kill(worker.process(), 100));
  (void)worker.wait();
  EXPECT_TRUE(childless());
}

TEST_F(PythonTest, WithoutAToolchainItSaysWhatToInstall) {
  ::unsetenv("CHARTER_DAEMON_TOOLCHAIN_PYTHON");
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", "/usr/bin:/bin", 1);
  const std::string error = failing(does({}), capability("Does"));
  ::setenv("PATH", path.c_str(), 1);
  EXPECT_THAT(error, HasSubstr("finds no 'charter_integration_sdk'. Install charter-cli for Python "
                               "3.11 and put its 'charter' command on PATH"));
  ::setenv("CHARTER_DAEMON_TOOLCHAIN_PYTHON", "/absent/python", 1);
  EXPECT_EQ(failing(does({}), capability("Does")),
            "The Charter toolchain's interpreter is missing at /absent/python, which "
            "--toolchain-python (CHARTER_DAEMON_TOOLCHAIN_PYTHON) names.");
  ::setenv("CHARTER_DAEMON_TOOLCHAIN_PYTHON", reference().c_str(), 1);
  write_text(project_.path(".charter/.venv/pyvenv.cfg"), "version = 3.9.1\n");
  EXPECT_THAT(failing(does({}), capability("Does")),
              HasSubstr("/.charter/.venv uses Python 3.9, but the Charter toolchain ("));
}

TEST_F(PythonTest, TheToolchainIsThatOfTheCommandOnPath) {
  ::unsetenv("CHARTER_DAEMON_TOOLCHAIN_PYTHON");
  const std::string path = std::getenv("PATH");
  fs::create_directories(project_.path("commands"));
  fs::create_symlink(fs::path(reference()).parent_path() / "charter",
                     project_.path("commands/charter"));
  ::setenv("PATH", (project_.path("commands") + ":/usr/bin:/bin").c_str(), 1);
  run(does({"return 8"}, R"(, "outputs": {"o": "number"})"), capability("Does"));
  ::setenv("PATH", path.c_str(), 1);
  EXPECT_EQ(dump(output()), "8") << log();
}

}  // namespace
}  // namespace charter::worker::testing
