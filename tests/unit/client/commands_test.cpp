// The commands against a daemon of which the test writes every line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "client/fields.h"
#include "tests/unit/client/client_run.h"

namespace charter::client {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kHead = R"({"type":"control","version":1,)";

std::string event(int seq, const std::string& body) {
  return R"({"type":"run.event","run_id":"r1","worker_id":"w","seq":)" + std::to_string(seq) +
         R"(,"stream_seq":null,"occurred_at":"2026-01-02T03:04:05.000006Z","event":)" + body +
         "}\n";
}
const std::string kStart = event(0, R"({"kind":"StepStartEvent","step_id":"a","inputs":{}})");
const std::string kGate =
    event(1, R"({"kind":"GatePendingEvent","step_id":"go","show":null,"message":"Go?"})");
const std::string kComplete = event(2, R"({"kind":"RunCompleteEvent"})");
const std::string kTerminal = "{\"ok\":true,\"end\":\"terminal\"}\n";

struct ClientCommands : testing::Test {
  Project project;
  ScriptedDaemon daemon{project.socket};
};

TEST_F(ClientCommands, RunSendsTextVariablesAndPrintsTheId) {
  ClientRun client(project,
                   {"run", "nightly", "--var", "a=1", "--var", "b=x=\"y\"", "--var", "a=2"});
  EXPECT_EQ(daemon.answer(R"({"ok":true,"run_id":"r1","workflow_path":"/p/plan.yml"})"
                          "\n"),
            std::string(kHead) +
                R"("op":"run","workflow":"nightly","variables":{"a":"2","b":"x=\"y\""}})");
  EXPECT_EQ(client.wait(), 0);
  EXPECT_EQ(client.out(), "r1\n");
  EXPECT_EQ(client.err(), "");
}

TEST_F(ClientCommands, RunPassesItsIdAndPrintsJson) {
  ClientRun client(project, {"run", "nightly", "--run-id", "mine", "--json"});
  EXPECT_THAT(daemon.answer(R"({"ok":true,"run_id":"mine","workflow_path":"/p/ä.yml"})"
                            "\n"),
              HasSubstr(R"("variables":{},"run_id":"mine"})"));
  EXPECT_EQ(client.wait(), 0);
  EXPECT_EQ(client.out(), R"({"run_id":"mine","workflow_path":"/p/ä.yml"})"
                          "\n");
}

TEST_F(ClientCommands, AVariableWithoutAnEqualsSignIsAUsageErrorAndNothingIsAsked) {
  ClientRun client(project, {"run", "nightly", "--var", "a"});
  EXPECT_EQ(client.wait(), kExitUsage);
  EXPECT_EQ(client.err(), "Error: --var must be KEY=VALUE, got: 'a'\n");
}

TEST_F(ClientCommands, RefusalsBecomeExitCodesWithTheDaemonsWords) {
  const auto exit_of = [this](const std::string& code) {
    ClientRun client(project, {"resume", "r1", "--approve"});
    daemon.answer(R"({"ok":false,"code":")" + code + "\",\"error\":\"because \\u001b[2J\"}\n");
    const int exit = client.wait();
    EXPECT_EQ(client.err(), "Error: because \\x1b[2J\n");
    EXPECT_EQ(client.out(), "");
    return exit;
  };
  EXPECT_EQ(exit_of("unknown_run"), kExitUnknownRun);
  EXPECT_EQ(exit_of("not_paused"), kExitRefused);
  EXPECT_EQ(exit_of("disk_full"), kExitRefused);
  EXPECT_EQ(exit_of("a_code_of_a_later_version"), kExitRefused);
}

TEST_F(ClientCommands, WithoutADaemonTheExitCodeIsThree) {
  daemon.leave();
  ClientRun client(project, {"list"});
  EXPECT_EQ(client.wait(), kExitNoDaemon);
  EXPECT_THAT(client.err(), HasSubstr("No daemon serves " + project.root));
}

TEST_F(ClientCommands, ASocketNobodyListensOnCountsAsNoDaemon) {
  daemon.leave();
  ipc::UniqueFd stale(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, project.socket.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(stale.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ClientRun client(project, {"status"});
  EXPECT_EQ(client.wait(), kExitNoDaemon);
}

TEST_F(ClientCommands, AConnectionClosedWithoutAnAnswerIsAnError) {
  ClientRun client(project, {"list"});
  Visit visit = daemon.accept();
  visit.request();
  visit.hang_up();
  EXPECT_EQ(client.wait(), kExitOther);
  EXPECT_THAT(client.err(), HasSubstr("closed the connection without an answer"));
}

TEST_F(ClientCommands, ListShowsRunsAndKeepsTheirJsonBytes) {
  const std::string runs =
      R"([{"run_id":"r1", "workflow_id":"w","state":"executing","status":"running",)"
      R"("events":10000000000000000000000,"step":"a"}])";
  {
    ClientRun client(project, {"list"});
    EXPECT_EQ(daemon.answer(R"({"ok":true,"runs":)" + runs + "}\n"),
              std::string(kHead) + R"("op":"list"})");
    EXPECT_EQ(client.wait(), 0);
    EXPECT_THAT(client.out(), HasSubstr("r1   w         executing  a"));
  }
  ClientRun client(project, {"list", "--json"});
  daemon.answer(R"({"ok":true,"runs":)" + runs + "}\n");
  EXPECT_EQ(client.wait(), 0);
  EXPECT_EQ(client.out(), R"({"runs":)" + runs + "}\n");
}

TEST_F(ClientCommands, StatusShowsTheDaemonAndItsGateway) {
  ClientRun client(project, {"status"});
  EXPECT_EQ(
      daemon.answer(
          R"({"ok":true,"daemon":{"version":"0.1.0","pid":77,"max_runs":4,"worker_id":"w",)"
          R"("runs":{"executing":2,"finished_undelivered":1},"gateway":{"url":"ws://g/daemon",)"
          R"("state":"waiting","next_try_ms":1500,"attempts":3,"last_error":"refused","backlog_events":9,)"
          R"("backlog_runs":2}}})"
          "\n"),
      std::string(kHead) + R"("op":"status"})");
  EXPECT_EQ(client.wait(), 0);
  for (const char* text :
       {"charter-daemon 0.1.0, pid 77", "2 executing, 1 finished undelivered; at most 4",
        "ws://g/daemon", "waiting, next try in 1.5 s, after 3 attempts", "9 events of 2 runs",
        "refused"}) {
    EXPECT_THAT(client.out(), HasSubstr(text));
  }
}

TEST_F(ClientCommands, StatusOfARunKeepsItsJsonBytes) {
  ClientRun client(project, {"status", "r1", "--json"});
  EXPECT_THAT(daemon.answer("{\"ok\":true,\"run\":{\"run_id\" : \"r1\",\"events\":1}}\n"),
              HasSubstr(R"("op":"status","run_id":"r1"})"));
  EXPECT_THAT(daemon.answer(kStart + "{\"ok\":true,\"end\":\"now\"}\n"),
              HasSubstr(R"("op":"events","run_id":"r1")"));
  EXPECT_EQ(client.wait(), 0);
  EXPECT_THAT(client.out(), StartsWith("{\"run\":{\"run_id\" : \"r1\",\"events\":1},\"steps\":[{"));
}

TEST_F(ClientCommands, StepsOfARunThatTheDaemonForgotMeanwhileAreNull) {
  ClientRun client(project, {"status", "r1", "--json"});
  daemon.answer("{\"ok\":true,\"run\":{\"run_id\":\"r1\",\"events\":1}}\n");
  daemon.answer("{\"ok\":false,\"code\":\"unknown_run\",\"error\":\"no r1\"}\n");
  EXPECT_EQ(client.wait(), 0);
  EXPECT_EQ(client.out(), "{\"run\":{\"run_id\":\"r1\",\"events\":1},\"steps\":null}\n");
}

// Four runs, of which the second is not over; each began a day after the one before.
const std::string kFourRuns =
    R"({"ok":true,"runs":[)"
    R"({"run_id":"r1","workflow_id":"w","state":"finished","status":"failed","started_at":"2026-01-01T12:00:00.5Z"},)"
    R"({"run_id":"r2","workflow_id":"x","state":"queued","status":"pending","started_at":"2026-01-02T12:00:00Z"},)"
    R"({"run_id":"r3","workflow_id":"w","state":"finished","status":"completed","started_at":"2026-01-03T12:00:00Z"},)"
    R"({"run_id":"r4","workflow_id":"y","state":"finished","status":"failed","started_at":"2026-01-04T12:00:00Z"}]})"
    "\n";

struct Listed : ClientCommands {
  // The ids that are left with these options, in the order in which they are listed.
  std::string left(std::vector<std::string> options) {
    options.insert(options.begin(), {"list", "--json"});
    ClientRun client(project, options);
    daemon.answer(kFourRuns);
    EXPECT_EQ(client.wait(), 0) << client.err();
    const auto fields = Fields::keep(client.out()).value();
    std::string ids;
    for (const Fields& run : fields.objects("runs")) ids += run.text("run_id") + " ";
    return ids;
  }
};

TEST_F(Listed, OnlyWhatFitsAllFilters) {
  EXPECT_EQ(left({}), "r1 r2 r3 r4 ");
  EXPECT_EQ(left({"--status", "failed"}), "r1 r4 ");
  EXPECT_EQ(left({"--status", "failed", "--status", "queued"}), "r1 r2 r4 ");
  EXPECT_EQ(left({"--status", "active"}), "r2 ");
  EXPECT_EQ(left({"--workflow", "w", "--workflow", "y"}), "r1 r3 r4 ");
  EXPECT_EQ(left({"--workflow", "w", "--status", "failed"}), "r1 ");
  EXPECT_EQ(left({"--since", "2026-01-03"}), "r3 r4 ");
  EXPECT_EQ(left({"--since", "2026-01-03T12:00:00", "--limit", "9"}), "r3 r4 ");
  EXPECT_EQ(left({"--since", "2026-01-03T12:00:01"}), "r4 ");
  EXPECT_EQ(left({"--since", "1h"}), "");
  EXPECT_EQ(left({"--since", "100000000d"}), "r1 r2 r3 r4 ");
  EXPECT_EQ(left({"--limit", "2"}), "r3 r4 ");
  EXPECT_EQ(left({"--status", "failed", "--limit", "1"}), "r4 ");
  EXPECT_EQ(left({"--limit", "0"}), "");
}

TEST_F(ClientCommands, AFilterThatCannotBeReadIsAUsageErrorThatNamesIt) {
  daemon.leave();
  const auto error_of = [this](const std::string& option, const std::string& value) {
    ClientRun client(project, {"list", option, value});
    EXPECT_EQ(client.wait(), kExitUsage);
    EXPECT_EQ(client.out(), "");
    return client.err();
  };
  EXPECT_THAT(error_of("--since", "yesterday"), HasSubstr("'--since': must be a number with"));
  EXPECT_THAT(error_of("--since", "100000001d"), HasSubstr("at most 100000000"));
  EXPECT_THAT(error_of("--limit", "-1"), HasSubstr("'--limit': must be non-negative"));
  EXPECT_THAT(error_of("--status", "done"), HasSubstr("'done' is not one of 'active'"));
}

TEST_F(ClientCommands, EventsPassesMessagesOnByteForByte) {
  ClientRun client(project, {"events", "r1", "--json", "--from", "0"});
  const std::string odd =
      event(1, R"({"kind":"StepCompleteEvent", "outputs":{"n":1.0e+16,"ü":"\u00fc"}})");
  EXPECT_EQ(daemon.answer(kStart + odd + "{\"ok\":true,\"end\":\"now\"}\n"),
            std::string(kHead) + R"("op":"events","run_id":"r1","from":0,"follow":false})");
  EXPECT_EQ(client.wait(), 0);
  EXPECT_EQ(client.out(), kStart + odd);
}

TEST_F(ClientCommands, EventsForPeopleHaveOneLineEach) {
  ClientRun client(project, {"events", "r1"});
  daemon.answer(kStart + kGate + "{\"ok\":true,\"end\":\"now\"}\n");
  EXPECT_EQ(client.wait(), 0);
  EXPECT_EQ(client.out(),
            "  SEQ  TIME (UTC)           STEP                  EVENT\n"
            "    0  2026-01-02 03:04:05  a                     started\n"
            "    1  2026-01-02 03:04:05  go                    waits for approval: Go?\n");
}

// Who ignores SIGPIPE is told by the write alone that nobody reads.
TEST_F(ClientCommands, EventsAreFollowedAsLongAsSomebodyReads) {
  const auto pipe_signal = ::signal(SIGPIPE, SIG_IGN);
  const std::string pipe = project.scratch / "out";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  ClientRun client(project, {"events", "r1", "--json", "--follow"});
  ipc::UniqueFd reader(::open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  Visit visit = daemon.accept();
  visit.request();
  visit.say(kStart);
  pollfd ready{.fd = reader.get(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&ready, 1, static_cast<int>(tests::kSoon.count())), 1);
  reader.reset();
  visit.say(kGate);
  EXPECT_EQ(client.wait(), kExitOther);
  ::signal(SIGPIPE, pipe_signal);
}

TEST_F(ClientCommands, EventsOfAnUnknownRunFails) {
  ClientRun client(project, {"events", "r1", "--follow"});
  daemon.answer("{\"ok\":false,\"code\":\"unknown_run\",\"error\":\"no r1\"}\n");
  EXPECT_EQ(client.wait(), kExitUnknownRun);
}

struct AwaitedRun : ClientCommands {
  // `run` has been answered; the next connection asks for events.
  void started() { daemon.answer("{\"ok\":true,\"run_id\":\"r1\",\"workflow_path\":\"/p\"}\n"); }
};

TEST_F(AwaitedRun, WaitEndsAsTheRunEnds) {
  const auto exit_of = [this](const std::string& last) {
    ClientRun client(project, {"run", "w", "--wait"});
    started();
    daemon.answer(kStart + event(1, last) + kTerminal);
    const int exit = client.wait();
    EXPECT_EQ(client.out(), "r1\n");
    return std::pair(exit, client.err());
  };
  EXPECT_EQ(exit_of(R"({"kind":"RunCompleteEvent"})"),
            std::pair(0, std::string("Run r1 completed\n")));
  EXPECT_EQ(exit_of(R"({"kind":"RunFailedEvent","error":"worker died: exit code 3"})"),
            std::pair(1, std::string("Run r1 failed: worker died: exit code 3\n")));
  EXPECT_EQ(exit_of(R"({"kind":"RunCancelledEvent","step_id":"","note":null})"),
            std::pair(1, std::string("Run r1 was cancelled\n")));
}

TEST_F(AwaitedRun, FollowPrintsEventsAndJsonEndsWithTheOutcome) {
  ClientRun client(project, {"run", "w", "--follow", "--json"});
  started();
  daemon.answer(kStart + kComplete + kTerminal);
  EXPECT_EQ(client.wait(), 0);
  EXPECT_EQ(client.out(),
            "{\"run_id\":\"r1\",\"workflow_path\":\"/p\"}\n" + kStart + kComplete +
                R"({"run_id":"r1","status":"completed","error":null,"outputs":{},"exit_code":0})"
                "\n");
}

TEST_F(AwaitedRun, TellsOnceHowToAnswerAGateAndGoesOnWaiting) {
  ClientRun client(project, {"run", "w", "--wait"});
  started();
  Visit visit = daemon.accept();
  visit.request();
  visit.say(kStart + kGate);
  // The event may be history: the daemon says whether it is the present.
  EXPECT_THAT(daemon.answer("{\"ok\":true,\"run\":{\"events\":2,\"waits_at\":\"gate\"}}\n"),
              HasSubstr(R"("op":"status","run_id":"r1"})"));
  const std::string hint =
      "Run r1 waits at gate 'go'. Answer it with: charter-daemon resume r1 --approve (or "
      "--deny)\n";
  EXPECT_TRUE(tests::eventually(tests::kSoon, [&] { return client.err() == hint; }));
  EXPECT_FALSE(client.ended());
  visit.say(kComplete + kTerminal);
  EXPECT_EQ(client.wait(), 0);
  EXPECT_EQ(client.err(), hint + "Run r1 completed\n");
}

TEST_F(AwaitedRun, SurvivesARestartOfTheDaemonWithEveryEventOnce) {
  ClientRun client(project, {"run", "w", "--follow", "--json"});
  started();
  {
    Visit visit = daemon.accept();
    EXPECT_THAT(visit.request(), HasSubstr(R"("from":0,"follow":true})"));
    visit.say(kStart + kGate.substr(0, 20));
    daemon.leave();
  }
  EXPECT_TRUE(tests::eventually(
      tests::kSoon, [&] { return client.err().find("is gone; waiting") != std::string::npos; }));
  daemon.listen();
  Visit visit = daemon.accept();
  EXPECT_THAT(visit.request(), HasSubstr(R"("from":1,"follow":true})"));
  visit.say(kStart + kGate + kComplete + kTerminal);
  EXPECT_EQ(client.wait(), 0);
  EXPECT_EQ(client.out(),
            "{\"run_id\":\"r1\",\"workflow_path\":\"/p\"}\n" + kStart + kGate + kComplete +
                R"({"run_id":"r1","status":"completed","error":null,"outputs":{},"exit_code":0})"
                "\n");
  EXPECT_THAT(client.err(), StartsWith("The daemon is gone; waiting up to 60 s"));
}

TEST_F(AwaitedRun, ADaemonThatShutsDownIsWaitedForToo) {
  ClientRun client(project, {"run", "w", "--wait"});
  started();
  daemon.answer("{\"ok\":false,\"code\":\"shutting_down\",\"error\":\"bye\"}\n");
  daemon.answer(kStart + kComplete + kTerminal);
  EXPECT_EQ(client.wait(), 0);
}

TEST_F(AwaitedRun, AnEndToldBeforeTheFirstEventIsAskedFor) {
  ClientRun client(project, {"run", "w", "--wait"});
  started();
  daemon.answer(kTerminal);
  EXPECT_THAT(
      daemon.answer("{\"ok\":true,\"run\":{\"status\":\"failed\",\"error\":\"lost: all\"}}\n"),
      HasSubstr(R"("op":"status")"));
  EXPECT_EQ(client.wait(), 1);
  EXPECT_EQ(client.err(), "Run r1 failed: lost: all\n");
}

TEST_F(AwaitedRun, InterruptingLeavesTheRunAloneAndExits130) {
  ClientRun client(project, {"run", "w", "--wait"});
  started();
  Visit visit = daemon.accept();
  visit.request();
  client.signal(SIGINT);
  EXPECT_EQ(client.wait(), kExitInterrupted);
  EXPECT_EQ(visit.request(), "") << "nothing more is asked of the daemon";
}

TEST_F(ClientCommands, ResumeSaysWhichWayAndWhy) {
  ClientRun client(project, {"resume", "r1", "--deny", "--note", "no"});
  EXPECT_EQ(daemon.answer("{\"ok\":true,\"run_id\":\"r1\"}\n"),
            std::string(kHead) + R"("op":"resume","run_id":"r1","approved":false,"note":"no"})");
  EXPECT_EQ(client.wait(), 0);
  EXPECT_EQ(client.out(), "Run r1 denied.\n");
}

TEST_F(ClientCommands, ResumeWantsExactlyOneDecision) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"resume", "r1"},
        std::vector<std::string>{"resume", "r1", "--approve", "--deny"}}) {
    ClientRun client(project, words);
    EXPECT_EQ(client.wait(), kExitUsage);
    EXPECT_EQ(client.err(), "Error: Say one of --approve and --deny.\n");
  }
}

TEST_F(ClientCommands, StopWaitsUntilTheDaemonsProcessHasEnded) {
  // The daemon must be a process of its own: the client watches the one it is connected to.
  daemon.leave();
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t served = ::fork();
  if (served == 0) {
    ScriptedDaemon own(project.socket);
    (void)!::write(ready[1], "x", 1);
    own.answer("{\"ok\":true,\"executing\":2,\"queued\":1,\"paused\":0}\n");
    ::pause();
    ::_exit(0);
  }
  char c = 0;
  ASSERT_EQ(::read(ready[0], &c, 1), 1);
  ClientRun client(project, {"stop"});
  EXPECT_TRUE(tests::throughout(tests::milliseconds(200), [&] { return !client.ended(); }));
  ::kill(served, SIGKILL);
  ::waitpid(served, nullptr, 0);
  EXPECT_EQ(client.wait(), 0);
  EXPECT_EQ(client.out(),
            "The daemon has stopped. Executing runs that go on: 2. Kept for the next start: "
            "1 queued, 0 paused.\n");
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(ClientCommands, TheProjectIsFoundUpwardOrNamedAndTheSocketMayBeElsewhere) {
  std::filesystem::create_directories(project.root + "/workflows/deep");
  const std::string elsewhere = project.scratch / "d.sock";
  ScriptedDaemon other(elsewhere);
  for (const auto& [words, environment] :
       std::vector<std::pair<std::vector<std::string>, std::map<std::string, std::string>>>{
           {{"list", "--socket-path", elsewhere}, {}},
           {{"list"}, {{"CHARTER_DAEMON_SOCKET", elsewhere}}},
           {{"list", "--project-path", project.root}, {{"CHARTER_DAEMON_SOCKET", "../d.sock"}}},
           {{"list", "--project-path", "workflows/.."}, {{"CHARTER_DAEMON_SOCKET", elsewhere}}}}) {
    ClientRun client(project, words, environment);
    other.answer("{\"ok\":true,\"runs\":[]}\n");
    EXPECT_EQ(client.wait(), 0) << client.err();
    EXPECT_EQ(client.out(), "No runs.\n");
  }
  ClientRun lost(project, {"list", "--project-path", project.root + "/workflows"});
  EXPECT_EQ(lost.wait(), kExitUsage);
  EXPECT_THAT(lost.err(), HasSubstr("does not contain charter.yml"));
}

TEST_F(ClientCommands, UsageErrorsShowHowTheCommandIsCalled) {
  ClientRun client(project, {"events", "--folow"});
  EXPECT_EQ(client.wait(), kExitUsage);
  EXPECT_EQ(client.err(),
            "Usage: charter-daemon events [OPTIONS] RUN\n"
            "Try 'charter-daemon events --help' for help.\n\n"
            "Error: No such option '--folow'. Did you mean '--follow'?\n");
}

TEST_F(ClientCommands, EveryCommandHasHelpWithExamplesAndExitCodes) {
  for (const ipc::CommandSpec* command : client_commands()) {
    ClientRun client(project, {std::string(command->name), "--help"});
    EXPECT_EQ(client.wait(), 0);
    for (const char* text : {"Examples:", "Exit codes:", "--project-path"}) {
      EXPECT_THAT(client.out(), HasSubstr(text)) << command->name;
    }
  }
}

TEST_F(ClientCommands, AFullDiskOnStandardOutputIsNotASuccess) {
  const std::string out = project.scratch / "out";
  ASSERT_EQ(::symlink("/dev/full", out.c_str()), 0);
  ClientRun client(project, {"list", "--json"});
  daemon.answer("{\"ok\":true,\"runs\":[]}\n");
  EXPECT_EQ(client.wait(), kExitOther);
}

}  // namespace
}  // namespace charter::client
