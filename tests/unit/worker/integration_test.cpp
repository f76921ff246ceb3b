// Capabilities of kind `subprocess`: what they are told, what becomes of their answers, and what of
// themselves.
#include <gmock/gmock.h>

#include "tests/unit/worker/driver.h"
#include "worker/integrations/json_fault.h"
#include "worker/integrations/message.h"
#include "worker/plan/secrets.h"
#include "worker/steps/masking.h"

namespace charter::worker::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// Answers by the shell's own means: `on NAME` handles each request, $line is the request.
constexpr const char* kPreamble =
    "reply() { printf '{\"jsonrpc\":\"2.0\",\"id\":\"%s\",\"result\":%s}\\n' \"$id\" \"$1\"; }\n"
    "fault() { printf '{\"jsonrpc\":\"2.0\",\"id\":\"%s\",\"error\":%s}\\n' \"$id\" \"$1\"; }\n"
    "while IFS= read -r line; do\n"
    "printf '%s\\n' \"$line\" >> requests\n"
    "id=${line#*\\\"id\\\":\\\"}; id=${id%%\\\"*}\n"
    "case $line in *'\"method\":\"setup\"'*) m=setup;; *'\"method\":\"teardown\"'*) m=teardown;; "
    "*) m=execute;; esac\n";

class IntegrationTest : public ::testing::Test {
 protected:
  // A program whose execute does `execute`, the rest being as it should.
  std::string program(const std::string& execute, const std::string& setup = "reply '{}'",
                      const std::string& teardown = "reply '{}'", const std::string& name = "i") {
    const std::string path = project_.path(name + ".sh");
    write_text(path, kPreamble + ("case $m in setup) " + setup) + ";; teardown) " + teardown +
                         ";; execute) " + execute + ";; esac\ndone\necho closed >> requests\n");
    return R"({"kind": "subprocess", "command": ["/bin/sh", ")" + path +
           R"("], "env": {"PLAIN": "p"}, "env_secret_refs": null, "secrets_registry": {}})";
  }

  ipc::Job job(const std::string& steps, const std::string& capabilities) {
    ipc::Job job = project_.job("r1", steps, R"({"v": [1, "\u00e9"]})");
    const std::string none = "\"resolved_capabilities\": {}";
    job.state.replace(job.state.find(none), none.size(),
                      "\"resolved_capabilities\": " + capabilities);
    return job;
  }
  std::vector<ipc::JournalFrame> run(const std::string& steps, const std::string& capabilities) {
    Worker worker(project_, job(steps, capabilities));
    EXPECT_EQ(worker.wait(), 0);
    return frames_of(project_, "r1");
  }
  // One step of a program that gets `secret` as $TOKEN.
  std::vector<ipc::JournalFrame> run_with_token(const std::string& execute,
                                                const std::string& secret) {
    ::setenv("CHARTER_TEST_SECRET", secret.c_str(), 1);
    std::string capability = program(execute);
    capability.replace(capability.find("\"env_secret_refs\": null"), 23,
                       R"("env_secret_refs": {"TOKEN": "env://CHARTER_TEST_SECRET"})");
    auto frames =
        run(R"([{"id": "s", "type": "step", "uses": "i"}])", R"({"i": )" + capability + "}");
    ::unsetenv("CHARTER_TEST_SECRET");
    return frames;
  }
  static std::string error_of(const std::vector<ipc::JournalFrame>& frames) {
    const Value event = json(last_event(frames, "RunFailed"));
    return event.as_object().find("error")->as_string();
  }
  std::vector<Value> requests() {
    std::vector<Value> found;
    std::istringstream text(read_text(project_.path("requests")));
    for (std::string line; std::getline(text, line);) {
      found.push_back(line == "closed" ? Value("closed") : json(line));
    }
    return found;
  }
  std::string methods() {
    std::string text;
    for (const Value& one : requests()) {
      text += text.empty() ? "" : " ";
      text += one.is_string() ? one.as_string()
                              : one.as_object().find("id")->as_string() + ":" +
                                    one.as_object().find("method")->as_string();
    }
    return text;
  }

  Project project_;
};

constexpr const char* kStep =
    R"([{"id": "s", "type": "step", "uses": "capability/i", "with": {"a": 1, "k": null},)"
    R"("inputs": {"x": "v.1", "y": {"value": 2.5}}, "outputs": {"o": "object"}}])";

TEST_F(IntegrationTest, IsToldWhatTheReferenceTells) {
  const auto frames =
      run(kStep, R"({"capability/i": )" + program("reply '{\"value\":{\"n\":1}}'") + "}");
  EXPECT_EQ(kinds(frames), "StepStart StepComplete RunComplete");
  EXPECT_THAT(last_event(frames, "StepStart"), HasSubstr(R"("capability_id":"capability/i")"));
  EXPECT_THAT(last_event(frames, "StepComplete"), HasSubstr(R"("outputs":{"o":{"n":1}})"));
  EXPECT_EQ(methods(), "1:setup 2:execute 3:teardown closed");
  const std::string text = read_text(project_.path("requests"));
  EXPECT_THAT(text,
              StartsWith(R"({"jsonrpc":"2.0","id":"1","method":"setup","params":{"run_id":"r1"}})"
                         "\n"
                         R"({"jsonrpc":"2.0","id":"2","method":"execute","params":{"step":)"
                         R"({"id":"s","uses":"capability/i","with":{"a":1,"k":null},)"
                         R"("outputs":{"o":"object"},"inputs":{"x":"v.1","y":2.5}},)"
                         R"("context":{"variables":{"v":[1,"é"]},"outputs":{},"named_outputs":{},)"
                         R"("inputs":{"x":"é","y":2.5}}}})"
                         "\n"
                         R"({"jsonrpc":"2.0","id":"3","method":"teardown","params":{}})"));
  EXPECT_EQ(bodies<ipc::Intent>(frames).front().step_type, "step");
  EXPECT_EQ(bodies<ipc::StepProcess>(frames).size(), 1U);
  EXPECT_TRUE(childless());
}

TEST_F(IntegrationTest, SeesEarlierOutputsAndItsOwnEnvironment) {
  const std::string steps =
      R"([{"id": "p", "type": "shell", "run": "echo 7", "outputs": {"n": "number"}},)"
      R"({"id": "s", "type": "step", "uses": "i", "outputs": {"o": "string"}}])";
  const auto frames =
      run(steps,
          R"({"i": )" + program("reply \"{\\\"value\\\":\\\"$PLAIN $CHARTER_RUN_ID\\\"}\"") + "}");
  EXPECT_THAT(last_event(frames, "StepComplete"), HasSubstr(R"("outputs":{"o":"p r1"})"));
  const Object context =
      *&requests()[1].as_object().find("params")->as_object().find("context")->as_object();
  EXPECT_EQ(dump(*context.find("outputs")), R"({"p": {"n": 7}})");
  EXPECT_EQ(dump(*context.find("named_outputs")), R"({"n": 7})");
}

TEST_F(IntegrationTest, AnErrorIsToldAndKeepsTheProcess) {
  const std::string steps =
      R"([{"id": "s", "type": "step", "uses": "i", "retry": {"attempts": 3, "delay_seconds": 0}}])";
  const auto frames =
      run(steps, R"({"i": )" +
                     program("case $id in 4) reply '{\"value\":null}';; *) fault "
                             "'{\"code\":-1,\"message\":\"no, it'\"'\"'s\"}';; esac") +
                     "}");
  EXPECT_EQ(kinds(frames), "StepStart StepRetry StepRetry StepComplete RunComplete");
  EXPECT_THAT(last_event(frames, "StepRetry"),
              HasSubstr(R"("error":"Integration for capability 'i' returned error for 'execute': )"
                        R"({'code': -1, 'message': \"no, it's\"}")"));
  EXPECT_EQ(methods(), "1:setup 2:execute 3:execute 4:execute 5:teardown closed");
}

TEST_F(IntegrationTest, ATimeoutEndsItsTreeAndTheNextAttemptStartsItAgain) {
  const auto frames = run(
      R"([{"id": "s", "type": "step", "uses": "i", "outputs": {"o": "number"}, "timeout": "1s",)"
      R"("retry": {"attempts": 2, "delay_seconds": 0}}])",
      R"({"i": )" +
          program("case $id in 2) sleep 1000 & sleep 1000;; *) reply '{\"value\":5}';; esac") +
          "}");
  EXPECT_EQ(kinds(frames), "StepStart StepRetry StepComplete RunComplete");
  EXPECT_THAT(last_event(frames, "StepRetry"),
              HasSubstr(R"("error":"Step 's' exceeded timeout limit of 1s")"));
  EXPECT_EQ(methods(), "1:setup 2:execute 3:setup 4:execute 5:teardown closed");
  EXPECT_EQ(bodies<ipc::StepProcess>(frames).size(), 2U);
  EXPECT_TRUE(childless());
}

TEST_F(IntegrationTest, ThatDiesFailsItsStepAndIsStartedForTheNextAttempt) {
  const std::string steps =
      R"([{"id": "s", "type": "step", "uses": "i", "retry": {"attempts": 2, "delay_seconds": 0}}])";
  const auto frames = run(
      steps, R"({"i": )" +
                 program("case $id in 2) kill -SEGV $$;; *) reply '{\"value\":5}';; esac") + "}");
  EXPECT_EQ(kinds(frames), "StepStart StepRetry StepComplete RunComplete");
  EXPECT_THAT(last_event(frames, "StepRetry"),
              HasSubstr("Integration for capability 'i' closed stdout unexpectedly during "
                        "'execute'"));
}

TEST_F(IntegrationTest, ThatDiesBehindAnOpenPipeIsNoticed) {
  const auto frames = run(R"([{"id": "s", "type": "step", "uses": "i"}])",
                          R"({"i": )" + program("sleep 1000 & exit 1") + "}");
  EXPECT_EQ(error_of(frames),
            "Integration for capability 'i' closed stdout unexpectedly during 'execute'");
  EXPECT_TRUE(childless());
}

TEST_F(IntegrationTest, AnswersOutOfTurnAreRefused) {
  const auto failing = [this](const std::string& execute) {
    std::filesystem::remove(project_.layout().journal("r1"));
    return error_of(
        run(R"([{"id": "s", "type": "step", "uses": "i"}])", R"({"i": )" + program(execute) + "}"));
  };
  EXPECT_EQ(failing("id=77; reply '{\"value\":1}'"),
            "Integration for capability 'i' answered 'execute' with a line with the id of another "
            "request");
  EXPECT_EQ(
      failing("echo garbage"),
      "1 validation error for JsonRpcResponse\n  Invalid JSON: expected value at line 1 column 1 "
      "[type=json_invalid, input_value=b'garbage\\n', input_type=bytes]\n    For further "
      "information visit https://errors.pydantic.dev/2.14/v/json_invalid");
  EXPECT_EQ(
      failing("reply '{\"value\":1,\"more\":2}'"),
      "1 validation error for ExecuteResult\nmore\n  Extra inputs are not permitted "
      "[type=extra_forbidden, input_value=2, input_type=int]\n    For further information visit "
      "https://errors.pydantic.dev/2.14/v/extra_forbidden");
}

TEST_F(IntegrationTest, SetupThatFailsEndsTheRunBeforeItsFirstStep) {
  const auto frames =
      run(kStep, R"({"other": )" + program("", "reply '{}'", "reply '{}'", "o") +
                     R"(, "capability/i": )" + program("", "fault '{\"m\":1}'") + "}");
  EXPECT_EQ(kinds(frames), "RunFailed");
  EXPECT_EQ(error_of(frames),
            "Integration for capability 'capability/i' returned error for 'setup': {'m': 1}");
  // The one that failed may see its end coming before it is killed.
  EXPECT_THAT(methods(), ::testing::MatchesRegex("1:setup 1:setup( closed)? 2:teardown( closed)+"))
      << "the other one is torn down";
  EXPECT_EQ(project_.state("r1").as_object().find("status")->as_string(), "failed");
}

TEST_F(IntegrationTest, SetupAndTeardownHaveDeadlines) {
  ipc::Job slow = job(kStep, R"({"capability/i": )" + program("", "sleep 1000") + "}");
  slow.setup_timeout_ms = 300;
  Worker worker(project_, slow);
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_EQ(error_of(frames_of(project_, "r1")),
            "Integration for capability 'capability/i' did not answer 'setup' within 300 ms");

  std::filesystem::remove(project_.layout().journal("r1"));
  slow = job(kStep, R"({"capability/i": )" +
                        program("reply '{\"value\":{}}'", "reply '{}'", "sleep 1000") + "}");
  slow.teardown_timeout_ms = 300;
  Worker other(project_, slow);
  EXPECT_EQ(other.wait(), 0);
  EXPECT_EQ(kinds(frames_of(project_, "r1")), "StepStart StepComplete RunComplete");
  EXPECT_THAT(read_text(project_.layout().run_log("r1")),
              HasSubstr("did not answer 'teardown' within 300 ms"));
  EXPECT_TRUE(childless());
}

TEST_F(IntegrationTest, LivesForABurstAndIsStartedAgainBehindAGate) {
  const std::string steps =
      R"([{"id": "g", "type": "gate", "message": "ok?"},)"
      R"({"id": "s", "type": "step", "uses": "i", "outputs": {"o": "number"}}])";
  const std::string capabilities = R"({"i": )" + program("reply '{\"value\":5}'") + "}";
  const auto paused = run(steps, capabilities);
  EXPECT_EQ(kinds(paused), "GatePending");
  EXPECT_EQ(methods(), "1:setup 2:teardown closed");
  ipc::Job job;
  job.run_id = "r1";
  job.project_root = project_.root();
  job.cause = "resume";
  job.burst = 2;
  job.command.emplace();
  job.command->kind = "approve";
  const auto frames = run_to_end(project_, job);
  EXPECT_EQ(kinds(frames), "GatePending GateDecision StepStart StepComplete RunComplete");
  EXPECT_EQ(methods(), "1:setup 2:teardown closed 1:setup 2:execute 3:teardown closed");
}

TEST_F(IntegrationTest, StepsThatFailDoNotTakeItWithThem) {
  const std::string steps =
      R"([{"id": "f", "type": "shell", "run": "test -e again || { touch again; exit 1; }",)"
      R"("retry": {"attempts": 2, "delay_seconds": 0}}, {"id": "s", "type": "step", "uses": "i"}])";
  std::string capability = program("reply '{\"value\":5}'");
  capability.replace(capability.find("[\"/bin/sh\""), 10, "[\"/usr/bin/env\", \"-i\", \"/bin/sh\"");
  const auto frames = run(steps, R"({"i": )" + capability + "}");
  EXPECT_EQ(kinds(frames), "StepStart StepRetry StepComplete StepStart StepComplete RunComplete");
  EXPECT_EQ(methods(), "1:setup 2:execute 3:teardown closed") << "not even without its marks";
}

TEST_F(IntegrationTest, ItsErrorsGoToTheRunsLogHoweverMany) {
  const auto frames =
      run(R"([{"id": "s", "type": "step", "uses": "i"}])",
          R"({"i": )" +
              program("head -c 400000 /dev/zero | tr '\\0' x >&2; reply '{\"value\":1}'") + "}");
  EXPECT_EQ(kinds(frames), "StepStart StepComplete RunComplete");
  EXPECT_EQ(read_text(project_.layout().run_log("r1")).size(), 400'000U);
}

TEST_F(IntegrationTest, LargeRequestsAndAnswersPassEachOther) {
  const std::string steps =
      R"([{"id": "p", "type": "shell", "run": "head -c 3000000 /dev/zero | tr '\\0' y",)"
      R"("outputs": {"big": "string"}}, {"id": "s", "type": "step", "uses": "i",)"
      R"("outputs": {"o": "string"}}])";
  const auto frames =
      run(steps, R"({"i": )" +
                     program("printf '{\"jsonrpc\":\"2.0\",\"id\":\"%s\",\"result\":"
                             "{\"value\":\"' $id; head -c 5000000 /dev/zero | tr '\\0' z; "
                             "echo '\"}}'") +
                     "}");
  EXPECT_EQ(kinds(frames), "StepStart StepComplete StepStart StepComplete RunComplete");
  EXPECT_THAT(last_event(frames, "StepComplete"), HasSubstr("<truncated: 4.8MB>"));
}

TEST_F(IntegrationTest, WhatCannotBeStartedOrBoundFailsTheRun) {
  const auto failing = [this](const std::string& capabilities) {
    std::filesystem::remove(project_.layout().journal("r1"));
    return error_of(run(kStep, capabilities));
  };
  EXPECT_EQ(failing("{}"), "Step 's': integration 'capability/i' is not registered. Available: []");
  EXPECT_EQ(failing(R"({"capability/i": {"kind": "subprocess", "command": ["no-such-program"]}})"),
            "[Errno 2] No such file or directory: 'no-such-program'");
  EXPECT_EQ(failing(R"({"capability/i": {"kind": "subprocess", "command": []}})"),
            "Capability 'capability/i': subprocess integration requires a non-empty 'command' "
            "list, got []");
  EXPECT_EQ(failing(R"({"capability/i": {"kind": "python", "spec": "m:C"}})"),
            "Project runtime is missing at " + project_.path(".charter/.venv/bin/python") + ".");
  EXPECT_EQ(failing(R"({"capability/i": {"kind": "other"}})"),
            "Unsupported integration kind 'other'");
  EXPECT_EQ(failing(R"({"capability/i": {}})"), "'kind'");
  EXPECT_EQ(failing(R"({"i": {"kind": "subprocess", "command": ["x"], "env": null,)"
                    R"("env_secret_refs": {"T": "env://CHARTER_TEST_UNSET"}}})"),
            "Capability 'i': env var 'T' uses secret ref 'env://CHARTER_TEST_UNSET', but "
            "environment variable 'CHARTER_TEST_UNSET' is not set.");
}

TEST_F(IntegrationTest, SecretsReachItAndNobodyElse) {
  const auto frames = run_with_token("fault \"{\\\"m\\\":\\\"bad $TOKEN\\\"}\"", "hunter2!");
  EXPECT_EQ(error_of(frames),
            "Integration for capability 'i' returned error for 'execute': "
            "{'m': 'bad <redacted: sensitive>'}");
  EXPECT_EQ(read_text(project_.layout().state_file("r1")).find("hunter2"), std::string::npos);
  EXPECT_EQ(read_text(project_.layout().journal("r1")).find("hunter2"), std::string::npos);
}

// The integration's error is shown as Python's repr(), and may hold JSON of its own.
TEST_F(IntegrationTest, SecretsAreKeptOutOfErrorsHoweverTheyAreEscaped) {
  const std::string secret = "p'a\"s\\s\nZo\u00eb";
  Object error;
  error.set("message", Value("it's " + secret + " in " + dump(Value(secret), kWire)));
  error.set("args", Value(Array{Value(repr(Value(secret))), Value(secret.substr(0, 4))}));
  write_text(project_.path("error"), dump(Value(error)));
  const auto frames = run_with_token("fault \"$(cat error)\"", secret);
  EXPECT_EQ(error_of(frames),
            "Integration for capability 'i' returned error for 'execute': {'message': 'it\\'s "
            "<redacted: sensitive> in \"<redacted: sensitive>\"', 'args': "
            "[\"'<redacted: sensitive>'\", 'p\\'a\"']}");
  for (const auto& event : bodies<ipc::Event>(frames)) {
    EXPECT_EQ(event.sensitive, event.kind != "StepStartEvent") << event.kind;
  }
}

TEST(Secrets, ThatAreMissingAreListedBeforeALaunch) {
  const Value capabilities = json(
      R"({"b": {"kind": "subprocess", "command": ["x"], "env": {"T": "1"},)"
      R"("env_secret_refs": {"T": "env://PATH"}}, "a": {"kind": "subprocess", "command": ["x"],)"
      R"("env_secret_refs": {"Z": "env://CHARTER_NO_1", "K": "env://CHARTER_NO_2"}}})");
  struct : SecretBackends {
    ipc::Result<SecretAnswer> ask(const SecretQuestion&) override { return SecretAnswer(); }
  } backends;
  const auto failure = preflight_secrets("w", capabilities.as_object(), backends);
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->code, "missing_secret");
  EXPECT_EQ(failure->text,
            "Missing or invalid secrets for workflow 'w':\n  capability: a\n"
            "    K: env var 'CHARTER_NO_2' is not set\n    Z: env var 'CHARTER_NO_1' is not set\n"
            "  capability: b\n"
            "    config: duplicate env var(s) declared in both 'env' and 'secrets': T");
}

Value plain(const Value& value) { return value; }

TEST(RpcMessage, NeedsWhatAResponseHas) {
  EXPECT_TRUE(read_response(R"({"id":"1"})", plain)) << "no result is an empty one";
  EXPECT_TRUE(read_response(R"({"jsonrpc":"2.0","id":"1","result":null,"error":{}})", plain));
  for (const char* line : {"", "[]", "{}", R"({"id":1})", R"({"jsonrpc":"1.0","id":"1"})",
                           R"({"id":"1","result":[]})", R"({"id":"1","error":"x"})"}) {
    EXPECT_FALSE(read_response(line, plain)) << line;
  }
}

TEST(RpcMessage, FaultsQuoteNoHalfSecret) {
  const Mask mask = [](const Value& value) {
    return charter::worker::mask(value, {"hunter2-and-more-of-it"});
  };
  const std::string secret(
      R"("the-token-is-hunter2-and-more-of-it-and-all-that-is-behind-it-until-it-is-long-enough")");
  for (const std::string& line : {secret, "not json " + secret, R"({"token":)" + secret + "}"}) {
    const auto read = read_response(line, mask);
    ASSERT_FALSE(read) << line;
    EXPECT_EQ(read.error().what.find("hunter2"), std::string::npos) << read.error().what;
    EXPECT_THAT(read.error().what, HasSubstr("...")) << "it was short enough";
  }
}

// What is wrong, and how far the text was read by then, in bytes of its line.
TEST(RpcMessage, FaultsOfJsonAreNamedWithTheirPlace) {
  const std::pair<const char*, const char*> faults[] = {
      {"", "EOF while parsing a value at line 1 column 0"},
      {"\n", "EOF while parsing a value at line 2 column 0"},
      {"tru\n", "expected ident at line 2 column 0"},
      {"-Inf\n", "expected ident at line 2 column 0"},
      {"-", "EOF while parsing a value at line 1 column 1"},
      {"-01\n", "invalid number at line 1 column 3"},
      {"1e+x\n", "invalid number at line 1 column 4"},
      {"0x\n", "trailing characters at line 1 column 2"},
      {"[1,]\n", "trailing comma at line 1 column 4"},
      {"[", "EOF while parsing a list at line 1 column 1"},
      {"[1,", "EOF while parsing a value at line 1 column 3"},
      {"[1\n,\n2\nx]\n", "expected `,` or `]` at line 4 column 1"},
      {"{a}\n", "key must be a string at line 1 column 2"},
      {"{\"a\" 1}\n", "expected `:` at line 1 column 6"},
      {"{\"a\":1]\n", "expected `,` or `}` at line 1 column 7"},
      {"{\"a\"\n", "EOF while parsing an object at line 2 column 0"},
      {"\"abc\n",
       "control character (\\u0000-\\u001F) found while parsing a string at line 2 column 0"},
      {"\"\\x\"\n", "invalid escape at line 1 column 3"},
      {"\"\\u12\"\n", "invalid escape at line 1 column 6"},
      {"\"\\ud800\\x\"", "unexpected end of hex escape at line 1 column 9"},
      {"\"\\ud800\\u0041\"\n", "lone leading surrogate in hex escape at line 1 column 13"},
      {"\"\\udc00\"\n", "lone leading surrogate in hex escape at line 1 column 7"},
      {"\"\\ud800", "EOF while parsing a string at line 1 column 7"},
      {"\"a\xFF\"\n", "invalid unicode code point at line 1 column 3"},
      {"{\"a\":[1,2.5e3,true,null,\"\\ud83d\\ude00\"]}", ""},
  };
  for (const auto& [text, fault] : faults) EXPECT_EQ(json_fault_of(text), fault) << text;
  EXPECT_EQ(json_fault_of(std::string(300, '[')), "recursion limit exceeded at line 1 column 202");
}

}  // namespace
}  // namespace charter::worker::testing
