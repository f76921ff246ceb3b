// A run that could not be forgotten is as it was.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "tests/support/injection.h"
#include "tests/support/started.h"
#include "tests/support/wait.h"

namespace charter::tests {
namespace {

using ::testing::HasSubstr;

TEST(ForgetOnAFullDisk, IsRefusedAndTheRunStaysKnownAndIsDelivered) {
  if (!Injection::possible()) GTEST_SKIP() << "strace may not trace here";
  Started scene;
  scene.project.add_workflow("hello", shell_step("greet", "true"));
  scene.gateway.kill();
  ASSERT_TRUE(scene.run("unheard", "hello").ok);
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "unheard", "finished"));
  const std::string journal = scene.project.journal("unheard");
  {
    const Injection full(scene.daemon.pid(), "pwritev", "error=ENOSPC", "1+");
    const auto refused = charter_daemon(scene.project, {"forget", "unheard", "--undelivered"});
    EXPECT_EQ(refused.code, 5) << refused.err;
    EXPECT_THAT(refused.err, HasSubstr("space"));
  }
  EXPECT_EQ(charter_daemon(scene.project, {"status", "unheard"}).code, 0);
  EXPECT_EQ(::access(journal.c_str(), F_OK), 0);
  scene.gateway.restart();
  EXPECT_EQ(scene.gateway.wait_for_end("unheard"), "RunCompleteEvent");
  EXPECT_EQ(charter_daemon(scene.project, {"list"}).code, 0);
  EXPECT_TRUE(eventually(kSoon, [&] {
    return charter_daemon(scene.project, {"forget", "unheard"}).code == 0;
  }));
  EXPECT_EQ(charter_daemon(scene.project, {"status", "unheard"}).code, 4);
}

}  // namespace
}  // namespace charter::tests
