#include <gmock/gmock.h>
#include <sys/socket.h>

#include <array>

#include "ipc/doorbell.h"
#include "tests/unit/worker/driver.h"

namespace charter::worker::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string shell(const std::string& id, const std::string& run, const std::string& more = "") {
  return R"({"id": ")" + id + R"(", "type": "shell", "run": )" + dump(Value(run)) +
         (more.empty() ? "" : ", " + more) + "}";
}

std::string names_of(const std::vector<ipc::JournalFrame>& frames) {
  static const char* const kNames[] = {"opened",     "event", "intent", "process",
                                       "checkpoint", "pause", "exit",   "terminal"};
  std::string text;
  for (const auto& frame : frames) text += std::string(kNames[frame.body.index()]) + " ";
  return text;
}

TEST(Burst, OneShellStepIsRecordedInOrder) {
  const Project project;
  const auto frames = run_to_end(
      project,
      project.job("r1", "[" + shell("s", "echo hi", R"("outputs": {"stdout": "string"})") + "]"));
  EXPECT_EQ(names_of(frames), "opened event intent process event checkpoint event terminal ");
  EXPECT_EQ(kinds(frames), "StepStart StepComplete RunComplete");
  EXPECT_EQ(last_event(frames, "StepStart"),
            R"({"kind":"StepStartEvent","step_id":"s","capability_id":null,"inputs":{},)"
            R"("status":"running"})");
  EXPECT_THAT(last_event(frames, "StepComplete"),
              ::testing::MatchesRegex(
                  R"re(\{"kind":"StepCompleteEvent","step_id":"s","outputs":\{"stdout":"hi"\},)re"
                  R"re("duration_ms":[0-9]+,"status":"success"\})re"));
  EXPECT_EQ(bodies<ipc::Checkpoint>(frames).front().outputs, R"({"stdout": "hi"})");
  const auto opened = bodies<ipc::Opened>(frames).front();
  EXPECT_EQ(opened.cause, "start");
  EXPECT_EQ(opened.boot_id, ipc::boot_id());
  EXPECT_NE(opened.guardian_start, 0U);
  const auto process = bodies<ipc::StepProcess>(frames).front();
  EXPECT_GT(process.session, 0);
  EXPECT_NE(process.start, 0U);
}

TEST(Burst, StateFileIsAsTheReferenceWritesIt) {
  const Project project;
  (void)run_to_end(project, project.job("r1", "[" +
                                                  shell("s", "echo '{\"a\": [1.0, null]}'",
                                                        R"("outputs": {"o": "object"})") +
                                                  "]"));
  const std::string text = read_text(project.layout().state_file("r1"));
  EXPECT_THAT(text, HasSubstr("  \"status\": \"completed\",\n  \"current_step_id\": \"s\",\n"
                              "  \"variables\": {},\n  \"outputs\": {\n    \"s\": {\n"
                              "      \"o\": {\n        \"a\": [\n          1.0,\n"
                              "          null\n        ]\n      }\n    }\n  },\n"
                              "  \"created_at\": \"2026-01-02T03:04:05.123456+00:00\",\n"));
  EXPECT_THAT(text, HasSubstr("  \"error\": null,\n  \"gate_history\": [],\n  \"metadata\": {\n"));
  // The whole of it is in the form Python's json would give it.
  EXPECT_EQ(dump(json(text), kStateFile), text);
}

TEST(Burst, StepsSeeACleanWorld) {
  ::setenv("CHARTER_GATEWAY_DAEMON_TOKEN", "hush-hush", 1);
  ::setenv("CHARTER_DAEMON_SOCKET", "/nowhere", 1);
  ::setenv("NOTIFY_SOCKET", "/nowhere", 1);
  const Project project;
  const auto frames = run_to_end(
      project, project.job("r1", "[" +
                                     shell("s",
                                           "cat /proc/self/environ | tr '\\0' '\\n' > env; "
                                           "ls -l /proc/self/fd | sed '/total/d' > fds; "
                                           "grep Sig /proc/self/status > signals; "
                                           "pwd > directory; cat > input; umask > mask; "
                                           "ps -o pid=,sid= $$ > session") +
                                     "]"));
  ASSERT_EQ(kinds(frames), "StepStart StepComplete RunComplete");
  const std::string env = read_text(project.path("env"));
  EXPECT_THAT(env, Not(HasSubstr("hush-hush")));
  EXPECT_THAT(env, Not(HasSubstr("CHARTER_DAEMON_")));
  EXPECT_THAT(env, Not(HasSubstr("NOTIFY_SOCKET")));
  EXPECT_THAT(env, HasSubstr("PATH=" + project.root() + "/.charter/.venv/bin:"));
  EXPECT_THAT(env, HasSubstr("CHARTER_RUN_ID=r1\n"));
  EXPECT_THAT(env, HasSubstr("CHARTER_STEP_MARK=r1:s:1\n"));
  EXPECT_EQ(read_text(project.path("directory")), project.root() + "\n");
  EXPECT_EQ(read_text(project.path("input")), "");
  std::istringstream fds(read_text(project.path("fds")));
  std::string line;
  int open = 0;
  while (std::getline(fds, line)) ++open;
  EXPECT_EQ(open, 4) << "0, 1, 2 and the directory ls reads:\n" << fds.str();
  const std::string signals = read_text(project.path("signals"));
  EXPECT_THAT(signals, HasSubstr("SigBlk:\t0000000000000000"));
  EXPECT_THAT(signals, HasSubstr("SigIgn:\t0000000000000000"));
  int pid = 0;
  int session = 1;
  std::istringstream(read_text(project.path("session"))) >> pid >> session;
  EXPECT_EQ(pid, session);
  for (const auto& frame : bodies<ipc::Event>(frames)) {
    EXPECT_THAT(frame.json, Not(HasSubstr("hush-hush")));
  }
}

TEST(Burst, InputsReachTheEnvironmentAsPythonWritesThem) {
  const Project project;
  const auto frames = run_to_end(
      project, project.job("r1",
                           "[" +
                               shell("a", "printf '{\"list\": [1, 2.50, \"\\\\u00e9\"]}'",
                                     R"("outputs": {"o": "object"})") +
                               "," +
                               shell("b", "printf '%s|%s|%s|%s' \"$A\" \"$B\" \"$C\" \"$D\"",
                                     R"("outputs": {"stdout": "string"}, "inputs": {"A": "o.list",)"
                                     R"("B": "name", "C": {"value": true}, "D": "plain text"})") +
                               "]",
                           R"({"name": "Zoë"})"));
  EXPECT_THAT(last_event(frames, "StepComplete"),
              HasSubstr(R"("stdout":"[1, 2.5, \"\\u00e9\"]|Zoë|true|plain text")"));
  EXPECT_THAT(last_event(frames, "StepStart"),
              HasSubstr(R"("inputs":{"A":"o.list","B":"name","C":true,"D":"plain text"})"));
}

TEST(Burst, FailingStepFailsTheRunWithItsComplaint) {
  const Project project;
  const auto frames =
      run_to_end(project, project.job("r1", "[" + shell("s", "echo out; echo bad >&2; exit 3") +
                                                "," + shell("never", "touch never") + "]"));
  EXPECT_EQ(kinds(frames), "StepStart StepFailed RunFailed");
  EXPECT_THAT(last_event(frames, "RunFailed"),
              HasSubstr(R"("error":"Shell step 's' failed with exit code 3: bad")"));
  EXPECT_EQ(bodies<ipc::Terminal>(frames).front().status, "failed");
  EXPECT_FALSE(std::filesystem::exists(project.path("never")));
  const Value state = project.state("r1");
  EXPECT_EQ(state.as_object().find("status")->as_string(), "failed");
  EXPECT_EQ(state.as_object().find("error")->as_string(),
            "Shell step 's' failed with exit code 3: bad");
}

TEST(Burst, SensitiveValuesStayOutOfErrors) {
  const Project project;
  const auto frames = run_to_end(
      project, project.job("r1",
                           "[" +
                               shell("s", "echo \"login with $KEY failed\" >&2; exit 1",
                                     R"("inputs": {"KEY": {"from": "key", "sensitive": true}})") +
                               "]",
                           R"({"key": "tops3cret"})"));
  EXPECT_THAT(last_event(frames, "StepStart"), HasSubstr(R"("KEY":"<redacted: sensitive>")"));
  EXPECT_THAT(last_event(frames, "StepFailed"),
              HasSubstr("login with <redacted: sensitive> failed"));
  for (const auto& event : bodies<ipc::Event>(frames)) {
    EXPECT_THAT(event.json, Not(HasSubstr("tops3cret")));
    EXPECT_TRUE(event.sensitive) << event.kind;
  }
}

// They are in no state: what an artifact holds is known while a step begins.
TEST(Burst, SensitiveArtifactsStayOutOfErrors) {
  for (const bool by_output : {true, false}) {
    const Project project;
    write_text(project.path("secret"), R"(["hunter2 and more"])");
    const std::string output = by_output ? "true" : "false";
    const std::string input = by_output ? "false" : "true";
    const auto frames = run_to_end(
        project,
        project.job("r1", R"([{"id": "a", "type": "shell", "run": "cat secret",)"
                          R"("outputs": {"o": {"type": "artifact", "sensitive": )" +
                              output + R"(}}}, {"id": "b", "type": "shell", )" +
                              R"("run": "echo \"$X\" >&2; exit 1", "retry": {"attempts": 2, )" +
                              R"("delay_seconds": 0}, "inputs": {"X": {"from": "o.0", )" +
                              R"("sensitive": )" + input + "}}}]"));
    EXPECT_EQ(kinds(frames), "StepStart StepComplete StepStart StepRetry StepFailed RunFailed");
    EXPECT_THAT(last_event(frames, "RunFailed"), HasSubstr("code 1: <redacted: sensitive>"));
    EXPECT_EQ(read_text(project.layout().journal("r1")).find("hunter2"), std::string::npos);
    EXPECT_EQ(read_text(project.layout().state_file("r1")).find("hunter2"), std::string::npos);
  }
}

TEST(Burst, RetriesUntilAnAttemptSucceeds) {
  const Project project;
  const auto frames = run_to_end(
      project, project.job("r1", "[" +
                                     shell("s", "echo x >> tries; test $(wc -l < tries) -ge 3",
                                           R"("retry": {"attempts": 4, "delay_seconds": 0.01})") +
                                     "]"));
  EXPECT_EQ(kinds(frames), "StepStart StepRetry StepRetry StepComplete RunComplete");
  EXPECT_EQ(last_event(frames, "StepRetry"),
            R"({"kind":"StepRetryEvent","step_id":"s","attempt":2,"max_attempts":4,"error":)"
            R"("Shell step 's' failed with exit code 1: command failed","delay_seconds":0.01})");
  EXPECT_EQ(bodies<ipc::Intent>(frames).size(), 3U);
}

TEST(Burst, ARetryEndsWhatTheFailedAttemptLeft) {
  const Project project;
  const auto frames = run_to_end(
      project,
      project.job("r1", "[" + shell("keep", "setsid sleep 60 > /dev/null 2>&1 & echo $! > kept") +
                            "," +
                            shell("s",
                                  "if test -e left; then kill -0 $(cat left) && exit 9; "
                                  "kill -0 $(cat kept) || exit 8; exit 0; fi; "
                                  "setsid sh -c 'trap \"\" TERM; sleep 60' > /dev/null 2>&1 & "
                                  "echo $! > left; exit 1",
                                  R"("retry": {"attempts": 2, "delay_seconds": 0})") +
                            "]"));
  EXPECT_EQ(kinds(frames), "StepStart StepComplete StepStart StepRetry StepComplete RunComplete");
  EXPECT_TRUE(childless()) << "nothing outlives the run";
}

TEST(Burst, TimeoutEndsTheStepAndItsChildren) {
  const Project project;
  const auto begun = std::chrono::steady_clock::now();
  const auto frames = run_to_end(
      project,
      project.job("r1", "[" +
                            shell("s", "(trap '' TERM; setsid sleep 60) & while :; do echo y; done",
                                  R"("timeout": "1s")") +
                            "]"));
  EXPECT_EQ(kinds(frames), "StepStart StepFailed RunFailed");
  EXPECT_THAT(last_event(frames, "StepFailed"), HasSubstr("Step 's' exceeded timeout limit of 1s"));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(8));
  EXPECT_TRUE(childless());
}

TEST(Burst, OutputIsReadToItsEnd) {
  const Project project;
  const auto frames =
      run_to_end(project, project.job("r1", "[" +
                                                shell("s", "(sleep 0.3; echo late) & echo early",
                                                      R"("outputs": {"stdout": "string"})") +
                                                "]"));
  EXPECT_THAT(last_event(frames, "StepComplete"), HasSubstr(R"("stdout":"early\nlate")"));
}

TEST(Burst, TooMuchOutputFailsTheStep) {
  const Project project;
  const auto frames =
      run_to_end(project, project.job("r1", "[" + shell("s", "head -c 80000000 /dev/zero") + "]"));
  EXPECT_THAT(last_event(frames, "RunFailed"), HasSubstr("Step 's' printed more than 64 MiB"));
}

// In JSON each zero takes six bytes, more than a frame holds and any gateway takes.
TEST(Burst, WhatAFailedStepPrintedFitsIntoItsEvents) {
  const Project project;
  const std::string retry = R"("retry": {"attempts": 2, "delay_seconds": 0})";
  const auto frames = run_to_end(
      project,
      project.job("r1", "[" + shell("s", "head -c 50000000 /dev/zero; exit 3", retry) + "]"));
  EXPECT_EQ(kinds(frames), "StepStart StepRetry StepFailed RunFailed");
  for (const char* kind : {"StepRetry", "StepFailed", "RunFailed"}) {
    const std::string event = last_event(frames, kind);
    EXPECT_LT(event.size(), (1U << 20) + 1000U) << kind;
    EXPECT_THAT(event, HasSubstr("Shell step 's' failed with exit code 3: \\u0000")) << kind;
    EXPECT_THAT(event, HasSubstr("\\u0000<truncated: 47.5MB>\\u0000")) << kind;
  }
  EXPECT_EQ(*project.state("r1").as_object().find("error"),
            *json(last_event(frames, "RunFailed")).as_object().find("error"));
}

TEST(Burst, SecretsThatACutWouldHaveDividedAreMasked) {
  const Project project;
  const std::string secret = "correct horse battery staple";
  const auto frames = run_to_end(
      project, project.job("r1",
                           "[" +
                               shell("s", "yes \"$S\" | head -c 3000000; exit 1",
                                     R"("inputs": {"S": {"from": "s", "sensitive": true}})") +
                               "]",
                           R"({"s": ")" + secret + "\"}"));
  const std::string error =
      json(last_event(frames, "RunFailed")).as_object().find("error")->as_string();
  EXPECT_THAT(error, HasSubstr("<truncated: "));
  EXPECT_THAT(error, HasSubstr("<redacted: sensitive>\n"));
  for (const char* word : {"correct horse", "battery"}) EXPECT_THAT(error, Not(HasSubstr(word)));
}

TEST(Burst, LargeOutputsGoIntoABlob) {
  const Project project;
  const auto frames =
      run_to_end(project, project.job("r1", "[" +
                                                shell("s", "head -c 2000000 /dev/zero | tr '\\0' x",
                                                      R"("outputs": {"stdout": "string"})") +
                                                "]"));
  EXPECT_THAT(last_event(frames, "StepComplete"), HasSubstr(R"("stdout":"<truncated: 1.9MB>")"));
  const auto checkpoint = bodies<ipc::Checkpoint>(frames).front();
  EXPECT_EQ(checkpoint.outputs, "");
  const std::string blob = read_text(project.layout().blobs_dir("r1") + "/" + checkpoint.blob);
  EXPECT_EQ(blob.size(), checkpoint.blob_size);
  EXPECT_EQ(json(blob).as_object().find("stdout")->as_string().size(), 2'000'000U);
}

TEST(Burst, WhatCannotBeStartedIsToldAsTheReferenceTells) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"id": "s", "type": "shell", "run": "true", "shell": "nosuchshell"})",
       "[Errno 2] No such file or directory: 'nosuchshell'"},
      {R"({"id": "s", "type": "shell", "run": "true", "shell": "/etc/passwd"})",
       "[Errno 13] Permission denied: '/etc/passwd'"},
      {R"({"id": "s", "type": "shell", "run": 5})", "cmd must be a string"},
      {R"({"id": "s", "type": "shell", "run": "true", "inputs": {"a=b": {"value": "c"}}})",
       "illegal environment variable name"},
      {R"({"id": "s", "type": "shell", "run": "true", "inputs": {"A": "big"}})",
       "[Errno 7] Argument list too long: '/bin/sh'"},
      {R"({"id": "s", "type": "shell", "run": "kill -9 $$"})",
       "Shell step 's' failed with exit code -9: command failed"},
      {R"({"id": "s", "type": "shell", "run": "true", "inputs": {"A": {"from": "nope"}}})",
       "Step 's': input 'A' references unknown source 'nope'"},
      {R"({"id": "s", "type": "shell", "run": "echo 5", "outputs": {"o": "string"}})",
       "Step 's': output 'o' expected type 'string' but got 'number'"},
  };
  for (const auto& [step, error] : cases) {
    const Project project;
    const auto frames =
        run_to_end(project, project.job("r1", std::string("[") + step + "]",
                                        R"({"big": ")" + std::string(140'000, 'x') + "\"}"));
    EXPECT_EQ(kinds(frames), "StepStart StepFailed RunFailed") << step;
    EXPECT_EQ(json(last_event(frames, "RunFailed")).as_object().find("error")->as_string(), error);
  }
}

TEST(Burst, AShellIsLookedUpOnTheStepsPath) {
  const Project project;
  std::filesystem::create_directories(project.path("tools"));
  write_text(project.path("tools/mine"), "#!/bin/sh\nprintf 'mine %s' \"$2\"\n");
  std::filesystem::permissions(project.path("tools/mine"), std::filesystem::perms::all);
  const auto frames = run_to_end(
      project,
      project.job("r1", R"([{"id": "s", "type": "shell", "run": "text", "shell": "mine",)"
                        R"("inputs": {"PATH": {"value": "/nowhere:)" +
                            project.path("tools") + R"("}}, "outputs": {"stdout": "string"}}])"));
  EXPECT_THAT(last_event(frames, "StepComplete"), HasSubstr(R"("stdout":"mine text")"));
}

TEST(Burst, InvalidUtf8IsReplaced) {
  const Project project;
  const auto frames =
      run_to_end(project, project.job("r1", "[" +
                                                shell("s", "printf 'a\\377b\\342\\202'",
                                                      R"("outputs": {"stdout": "string"})") +
                                                "]"));
  EXPECT_THAT(last_event(frames, "StepComplete"), HasSubstr("\"stdout\":\"a\uFFFDb\uFFFD\""));
}

TEST(Burst, StateFileShowsARunningStepSoon) {
  const Project project;
  Worker worker(project, project.job("r1", "[" +
                                               shell("s",
                                                     "until test -e go; do sleep 0.01; "
                                                     "done") +
                                               "]"));
  EXPECT_TRUE(eventually([&] {
    const std::string text = read_text(project.layout().state_file("r1"));
    return text.find("\"status\": \"running\",\n  \"current_step_id\": \"s\"") != std::string::npos;
  }));
  write_text(project.path("go"), "");
  EXPECT_EQ(worker.wait(), 0);
}

TEST(Burst, RingsTheSupervisorAndCallsAgainWhenItIsBack) {
  const Project project;
  auto job = project.job("r1", "[" + shell("s", "until test -e go; do sleep 0.01; done") + "]");
  job.doorbell = project.path("bell/socket");
  job.secret = std::string("a\0b", 3);
  std::filesystem::create_directory(project.path("bell"));
  std::filesystem::permissions(project.path("bell"), std::filesystem::perms::owner_all);
  std::optional<Worker> worker;
  for (const bool restarted : {false, true}) {
    std::filesystem::remove(job.doorbell);
    const auto listener = ipc::listen_doorbell(job.doorbell);
    ASSERT_TRUE(listener) << listener.error().message();
    if (!restarted) worker.emplace(project, job);
    ipc::UniqueFd engine;
    ASSERT_TRUE(eventually([&] {
      engine.reset(::accept4(listener->get(), nullptr, nullptr, SOCK_CLOEXEC));
      return static_cast<bool>(engine);
    }));
    std::array<char, 4096> packet;
    const auto receive = [&] {
      const ssize_t got = ::recv(engine.get(), packet.data(), packet.size(), 0);
      return std::string(packet.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    };
    const auto hello = ipc::decode_hello(receive());
    ASSERT_TRUE(hello);
    EXPECT_EQ(hello->run_id, "r1");
    EXPECT_EQ(hello->secret, job.secret);
    EXPECT_NE(hello->pid, worker->pid()) << "the engine rings, not its guardian";
    const auto length = ipc::decode_ring(receive());
    ASSERT_TRUE(length);
    EXPECT_GT(*length, ipc::kLogHeaderSize);
    EXPECT_LE(*length, std::filesystem::file_size(project.layout().journal("r1")));
  }
  write_text(project.path("go"), "");
  EXPECT_EQ(worker->wait(), 0);
}

}  // namespace
}  // namespace charter::worker::testing
