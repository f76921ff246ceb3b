// What requests leave behind in the runs they ask about.
#include "supervisor/requests.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "tests/unit/supervisor/parts_fixture.h"

namespace charter::supervisor::tests {
namespace {

constexpr int kLooks = 2000;
constexpr std::size_t kFew = 16;

class RequestsTest : public PartsTest {
 protected:
  // One connection with one request; it is closed before the next begins.
  void ask(Requests& requests, const std::string& line) {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    const ipc::UniqueFd client(ends[1]);
    auto session = std::make_shared<ControlSession>(
        life_->context().get_executor(), ipc::UniqueFd(ends[0]), 0, limits_, budget_,
        [](const SessionPtr&, const std::string&) {}, [](ControlSession*) {});
    requests.handle(session, line);
    session->close();
    session.reset();
    life_->context().poll();
    life_->context().restart();
  }
  ControlSession::Limits limits_{.max_request_bytes = 1000};
  RequestBudget budget_{2000};
};

// Who looks at it again and again must not make the daemon grow.
TEST_F(RequestsTest, WaitingRunKeepsNothingOfThoseWhoHaveLookedAtIt) {
  life_->accept("pause");
  ASSERT_TRUE(life_->reaches("pause", RunState::paused));
  Requests::Hooks hooks;
  hooks.watched = [](const RunPtr&) {};
  Requests requests({"worker", std::chrono::milliseconds(500)}, *layout_, life_->registry(),
                    life_->intake(), life_->commands(), std::move(hooks));
  const std::string look =
      R"({"type":"control","version":1,"op":"events","run_id":"pause","follow":true})";
  for (int i = 0; i < kLooks; ++i) ask(requests, look);
  EXPECT_LE(life_->find("pause")->watchers.size(), kFew);
}

}  // namespace
}  // namespace charter::supervisor::tests
