// wait on a run of which only its state file tells, and a daemon that does not answer as it should.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/client/client_run.h"

namespace charter::client {
namespace {

using testing::HasSubstr;

constexpr const char* kUnknown = "{\"ok\":false,\"code\":\"unknown_run\",\"error\":\"not mine\"}\n";

struct ForeignRun : testing::Test {
  ForeignRun() { state("running"); }
  // Renamed into its place, as whoever executes the run does it.
  void state(const std::string& status) const {
    const std::string fresh = project.scratch.write(
        "fresh", R"({"run_id": "r1", "status": ")" + status + R"(", "error": null})");
    std::filesystem::rename(fresh, project.root + "/.charter/runs/r1.json");
  }

  Project project;
  ScriptedDaemon daemon{project.socket};
};

TEST_F(ForeignRun, ADaemonThatDiesBeforeItAnswersIsWaitedFor) {
  ClientRun client(project, {"wait", "r1"});
  EXPECT_THAT(daemon.answer(kUnknown), HasSubstr(R"("op":"status","run_id":"r1"})"));
  daemon.answer("");  // as one that was killed
  daemon.answer("{\"ok\":false,\"error\":\"Request timed out\"}\n");
  Visit back = daemon.accept();
  back.request();
  state("completed");
  back.say(kUnknown);
  EXPECT_EQ(client.wait(), 0) << client.err();
  EXPECT_THAT(client.err(), HasSubstr("Run r1 completed\n"));
}

TEST_F(ForeignRun, WhatTheDaemonRefusesEndsTheWait) {
  ClientRun client(project, {"wait", "r1"});
  daemon.answer(kUnknown);
  daemon.answer("{\"ok\":false,\"code\":\"unsupported_version\",\"error\":\"too new\"}\n");
  EXPECT_EQ(client.wait(), kExitRefused);
  EXPECT_EQ(client.err(), "Error: too new\n");
}

// A daemon that is stopped takes connections and answers nothing.
TEST_F(ForeignRun, TheTimeoutHoldsWhereTheDaemonIsStopped) {
  ClientRun from_the_start(project, {"wait", "r1", "--timeout", "0.2"});
  EXPECT_EQ(from_the_start.wait(), kExitOther);
  EXPECT_THAT(from_the_start.err(), HasSubstr("does not answer"));
  daemon.leave();
  daemon.listen();
  ClientRun later(project, {"wait", "r1", "--timeout", "1.5"});
  daemon.answer(kUnknown);
  EXPECT_EQ(later.wait(), kExitOther);
  EXPECT_THAT(later.err(), HasSubstr("Not ended within 1.5 s: r1"));
}

TEST_F(ForeignRun, ATimeoutOfNothingIsEnoughToLookOnce) {
  state("completed");
  ClientRun client(project, {"wait", "r1", "--timeout", "0"});
  daemon.answer(kUnknown);
  daemon.answer(kUnknown);
  EXPECT_EQ(client.wait(), 0) << client.err();
}

}  // namespace
}  // namespace charter::client
