#include "supervisor/control_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <vector>

namespace charter::supervisor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::chrono::seconds kPatience{20};

class ControlSessionTest : public ::testing::Test {
 protected:
  ipc::UniqueFd connect(std::chrono::milliseconds silence = std::chrono::seconds(30)) {
    limits_.silence = silence;
    int ends[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), 0);
    session_ = std::make_shared<ControlSession>(
        context_.get_executor(), ipc::UniqueFd(ends[0]), 0, limits_, budget_,
        [this](const SessionPtr& session, std::string line) {
          lines_.push_back(line);
          if (answer_) answer_(session);
        },
        [this](ControlSession*) {
          closed_ = true;
          session_.reset();
        });
    return ipc::UniqueFd(ends[1]);
  }
  void start() { SessionPtr(session_)->start(); }
  static void write(const ipc::UniqueFd& client, std::string_view bytes) {
    ASSERT_EQ(::send(client.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  bool until(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!condition() && std::chrono::steady_clock::now() < end) {
      context_.run_one_for(std::chrono::milliseconds(20));
      context_.restart();
    }
    return condition();
  }
  // Everything the client gets until the connection is closed.
  std::string read_all(const ipc::UniqueFd& client) {
    std::string text;
    char buffer[65536];
    EXPECT_TRUE(until([&] {
      const ssize_t got = ::recv(client.get(), buffer, sizeof buffer, 0);
      if (got > 0) text.append(buffer, static_cast<std::size_t>(got));
      return got == 0;
    }));
    return text;
  }

  boost::asio::io_context context_{1};
  ControlSession::Limits limits_{.max_request_bytes = 1000};
  RequestBudget budget_{2000};
  SessionPtr session_;
  std::vector<std::string> lines_;
  std::function<void(const SessionPtr&)> answer_;
  bool closed_ = false;
};

TEST_F(ControlSessionTest, LineIsHandledAndTheLastAnswerCloses) {
  answer_ = [](const SessionPtr& session) {
    session->send("data");
    session->send_last("end");
  };
  const auto client = connect();
  write(client, "hel");
  start();
  write(client, "lo\nignored\n");
  EXPECT_EQ(read_all(client), "data\nend\n");
  EXPECT_THAT(lines_, ElementsAre("hello"));
  EXPECT_TRUE(closed_);
}

TEST_F(ControlSessionTest, RequestWithoutItsEndIsHandledWhenTheClientHasSentAll) {
  answer_ = [](const SessionPtr& session) { session->send_last("got it"); };
  const auto client = connect();
  start();
  write(client, "no newline");
  ::shutdown(client.get(), SHUT_WR);
  EXPECT_EQ(read_all(client), "got it\n");
  EXPECT_THAT(lines_, ElementsAre("no newline"));
}

TEST_F(ControlSessionTest, EveryBadStartIsAnswered) {
  auto client = connect();
  start();
  ::shutdown(client.get(), SHUT_WR);
  EXPECT_EQ(read_all(client), "{\"ok\":false,\"error\":\"Empty request\"}\n");
  client = connect();
  start();
  write(client, std::string(1500, 'x'));
  EXPECT_EQ(read_all(client), "{\"ok\":false,\"error\":\"Request too large\"}\n");
  client = connect(std::chrono::milliseconds(50));
  start();
  write(client, "{");
  EXPECT_EQ(read_all(client), "{\"ok\":false,\"error\":\"Request timed out\"}\n");
  EXPECT_EQ(budget_.used(), 0U);
}

TEST_F(ControlSessionTest, ClientThatDoesNotReadIsLetGo) {
  limits_.answer = std::chrono::milliseconds(50);
  answer_ = [](const SessionPtr& session) { session->send_last(std::string(4U << 20, 'x')); };
  const auto client = connect();
  write(client, "x\n");
  start();
  EXPECT_TRUE(until([this] { return closed_; }));
}

TEST_F(ControlSessionTest, ClientThatHangsUpFreesWhatIsKeptForIt) {
  const auto work = std::make_shared<int>(1);
  answer_ = [&](const SessionPtr& session) { session->keep(work); };
  auto client = connect();
  write(client, "follow\n");
  start();
  EXPECT_EQ(work.use_count(), 2);
  client.reset();
  EXPECT_TRUE(until([&] { return work.use_count() == 1; }));
}

TEST_F(ControlSessionTest, LongAnswerPausesUntilThereIsRoom) {
  int rounds = 0;
  std::function<void(const SessionPtr&)> pump = [&](const SessionPtr& session) {
    while (session->roomy()) {
      if (++rounds == 2000) return session->send_last("end");
      session->send(std::string(1000, 'x'));
    }
    session->when_roomy([&pump, weak = std::weak_ptr(session)] {
      if (const auto alive = weak.lock()) pump(alive);
    });
  };
  answer_ = pump;
  const auto client = connect();
  write(client, "all\n");
  start();
  EXPECT_LT(rounds, 1000);
  EXPECT_EQ(read_all(client).size(), 1999U * 1001U + 4U);
}

}  // namespace
}  // namespace charter::supervisor
