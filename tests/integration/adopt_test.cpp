// Runs of which the ledger has lost what it knew: a person says that they are this daemon's, and
// from then on they are runs like any other.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <set>

#include "ipc/codec.h"
#include "tests/support/log_edit.h"
#include "tests/support/process_table.h"
#include "tests/support/run_processes.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::HasSubstr;

class Adopt : public ::testing::Test {
 protected:
  // One that waits, one that executes, one whose worker is lost, and one that nobody was told of.
  void SetUp() override {
    scene.project.add_workflow("hello", shell_step("greet", "true"));
    scene.project.add_workflow("ask", gate_step("gate") + shell_step("after", "true"));
    scene.project.add_workflow("hold", hold_step("wait", release));
    ASSERT_TRUE(scene.run("waits", "ask").ok);
    ASSERT_TRUE(reaches_state(scene.daemon.socket(), "waits", "paused"));
    for (const char* run : {"works", "dies"}) {
      ASSERT_TRUE(scene.run(run, "hold").ok);
      ASSERT_TRUE(scene.gateway.wait_for_event(run, "StepStartEvent"));
    }
    scene.gateway.kill();
    for (const char* run : {"unheard", "last"}) {
      ASSERT_TRUE(scene.run(run, "hello").ok);
      ASSERT_TRUE(reaches_state(scene.daemon.socket(), run, "finished"));
    }
    const pid_t guardian = guardian_of(scene.daemon.socket(), "dies");
    const pid_t engine = engine_of(scene.daemon.socket(), "dies");
    ASSERT_GT(guardian, 1);
    scene.daemon.kill();
    ASSERT_TRUE(kill_worker(guardian, engine));
    ASSERT_TRUE(eventually(kSoon, [&] { return !alive(guardian) && !alive(engine); }));
  }
  void TearDown() override { write_file(release, ""); }

  void start_again(std::vector<std::string> arguments = {}) {
    scene.daemon.kill();
    scene.daemon.options().arguments = std::move(arguments);
    scene.daemon.start();
  }
  // Of their acceptance.
  void damage_records_of(const std::set<std::string>& runs) const {
    std::size_t damaged = 0;
    for (const auto& segment : std::filesystem::directory_iterator(ledger)) {
      const std::string path = segment.path();
      if (!path.ends_with(".base") && !path.ends_with(".more")) continue;
      damaged += damage(path, [&](std::string_view payload) {
        const auto record = ipc::decode_ledger_record(payload);
        const auto* accepted = record ? std::get_if<ipc::Accepted>(&record->body) : nullptr;
        return accepted != nullptr && runs.contains(accepted->run_id);
      });
    }
    ASSERT_EQ(damaged, runs.size());
  }
  [[nodiscard]] std::string state(const std::string& run) const {
    return text_of(run_view(scene.daemon.socket(), run), "state");
  }
  [[nodiscard]] bool is_held(const std::string& why) const {
    const auto status = charter_daemon(scene.project, {"status"});
    EXPECT_THAT(status.out, HasSubstr(why));
    return state("waits") == "held" && state("dies") == "held" &&
           reaches_state(scene.daemon.socket(), "works", "executing") &&
           state("unheard") == "finished";
  }
  void adopt() const {
    const auto end = charter_daemon(scene.project, {"adopt"});
    ASSERT_EQ(end.code, 0) << end.err;
    EXPECT_TRUE(reaches_state(scene.daemon.socket(), "waits", "paused")) << scene.daemon.log();
    EXPECT_TRUE(reaches_state(scene.daemon.socket(), "dies", "finished")) << scene.daemon.log();
  }
  void expect_known_to_the_next_daemon() {
    start_again({"--retain", "0"});
    // Longer than the first look at old journals takes, which removes this one.
    const std::string stranger = scene.project.journal("stranger");
    write_file(stranger, std::string(64, 'x'));
    ASSERT_TRUE(eventually(kSoon, [&] { return !exists(stranger); }));
    for (const char* run : {"waits", "works", "dies", "unheard"}) {
      ASSERT_TRUE(exists(scene.project.journal(run))) << run;
    }
    EXPECT_EQ(state("waits"), "paused");
    EXPECT_TRUE(reaches_state(scene.daemon.socket(), "works", "executing"));
    scene.gateway.restart();
    EXPECT_EQ(scene.gateway.wait_for_end("unheard"), "RunCompleteEvent");
    EXPECT_EQ(scene.gateway.wait_for_end("dies"), "RunFailedEvent");
    const auto resumed = charter_daemon(scene.project, {"resume", "waits", "--approve"});
    EXPECT_EQ(resumed.code, 0) << resumed.err;
    EXPECT_EQ(scene.gateway.wait_for_end("waits"), "RunCompleteEvent");
    write_file(release, "");
    EXPECT_EQ(scene.gateway.wait_for_end("works"), "RunCompleteEvent");
  }

  Started scene;
  const std::string release = scene.project.scratch("release");
  const std::string ledger = scene.project / ".charter/daemon/ledger";
};

TEST_F(Adopt, RunsWhoseRecordsWereDamagedAreKnownToLaterDaemons) {
  damage_records_of({"waits", "works", "dies", "unheard"});
  start_again();
  ASSERT_TRUE(is_held("damaged"));
  ASSERT_NO_FATAL_FAILURE(adopt());
  ASSERT_NO_FATAL_FAILURE(expect_known_to_the_next_daemon());
}

TEST_F(Adopt, WhatWasAcceptedForARunWhoseRecordWasDamagedTakesEffect) {
  start_again();
  ASSERT_EQ(charter_daemon(scene.project, {"drain", "--stay"}).code, 0);
  ASSERT_EQ(charter_daemon(scene.project, {"resume", "waits", "--approve"}).code, 0);
  scene.daemon.kill();
  damage_records_of({"waits"});
  start_again();
  ASSERT_EQ(state("waits"), "held");
  start_again();  // a new snapshot has taken the damaged one's place
  ASSERT_EQ(state("waits"), "held");
  ASSERT_EQ(charter_daemon(scene.project, {"adopt"}).code, 0);
  EXPECT_TRUE(reaches_state(scene.daemon.socket(), "waits", "finished")) << scene.daemon.log();
}

TEST_F(Adopt, LedgerThatIsGoneHoldsUntilItsRunsAreKnownToANewOne) {
  std::filesystem::remove_all(ledger);
  start_again();
  ASSERT_TRUE(is_held("gone"));
  start_again();
  ASSERT_TRUE(is_held("gone")) << "by now there is a new one";
  ASSERT_NO_FATAL_FAILURE(adopt());
  ASSERT_NO_FATAL_FAILURE(expect_known_to_the_next_daemon());
}

}  // namespace
}  // namespace charter::tests
