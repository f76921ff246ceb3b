// The gateway may break off anywhere, stall, refuse, and confirm late, twice, wrongly or never:
// nothing is lost, nothing comes out of order, nobody is hammered.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <ctime>
#include <iostream>
#include <random>

#include "tests/support/daemon_process.h"
#include "tests/support/hand_off_client.h"
#include "tests/support/misbehaving_gateway.h"
#include "tests/support/project_fixture.h"

namespace charter::tests {
namespace {

using boost::json::object;
using ::testing::HasSubstr;

constexpr int kSteps = 270;
constexpr std::size_t kEvents = 2 * kSteps + 1;
// What a busy machine may add to any wait of the daemon's.
constexpr milliseconds kSlack{2500};

class MisbehavingGatewayTest : public ::testing::Test {
 protected:
  void start(std::vector<std::string> arguments) {
    project.add_workflow("many", state_steps(kSteps));
    project.add_workflow("hold", state_steps(20) + hold_step("wait", release));
    DaemonOptions options;
    options.gateway = gateway.url();
    options.arguments = std::move(arguments);
    daemon.emplace(project, options);
  }
  void run(const std::string& id, const std::string& workflow) {
    HandOff request;
    request.run_id = id;
    request.workflow_id = workflow;
    request.workflow_path = project.plan(workflow);
    const Answer answer = hand_off(daemon->socket(), request);
    ASSERT_TRUE(answer.ok) << answer.raw;
  }
  // A run that is over before the gateway has anything of it.
  void finished_run(const std::string& id) {
    run(id, "many");
    ASSERT_TRUE(eventually(kRunTime, [&] {
      return read_file(project.state_file(id)).find("\"status\": \"completed\"") !=
             std::string::npos;
    })) << "a run must not wait for the gateway";
  }
  object daemon_view() {
    const auto lines = control(daemon->socket(), "status");
    return lines.empty() ? object() : lines.back().at("daemon").as_object();
  }
  object gateway_view() {
    const object view = daemon_view();
    return view.empty() ? object() : view.at("gateway").as_object();
  }
  std::int64_t backlog() { return gateway_view().at("backlog_events").to_number<std::int64_t>(); }
  void expect_all_of(const std::string& id, std::size_t events = kEvents) {
    EXPECT_TRUE(
        eventually(kRunTime, [&] { return !gateway.heard().end(id).empty() && backlog() == 0; }))
        << gateway.heard().events(id) << " events, " << boost::json::serialize(gateway_view());
    EXPECT_EQ(gateway.heard().end(id), "RunCompleteEvent");
    EXPECT_EQ(gateway.heard().events(id), events);
    EXPECT_EQ(gateway.heard().faults(id), "");
    for (std::size_t i = 0; i < gateway.server().connections(); ++i) {
      EXPECT_THAT(gateway.server().record(i).faults, ::testing::IsEmpty());
    }
  }
  std::size_t handshakes_in(milliseconds window) {
    const std::size_t before = gateway.server().connections();
    EXPECT_TRUE(throughout(window, [&] { return daemon->running(); }));
    return gateway.server().connections() - before;
  }

  const unsigned seed = std::random_device{}();
  ::testing::ScopedTrace trace{__FILE__, __LINE__, "seed " + std::to_string(seed)};
  ProjectFixture project;
  const std::string release = project.scratch("release");
  MisbehavingGateway gateway;
  std::optional<DaemonProcess> daemon;
};

class MisbehavingGatewayTests : public MisbehavingGatewayTest {
 protected:
  // Every stage: before a byte, inside the request, right behind it, inside the first frame's head
  // and payload, and in all that follows, more and more thinly.
  std::vector<std::size_t> stages(std::size_t more) {
    std::vector<std::size_t> cuts{0, 1, 100};
    const std::size_t head = request_bytes();
    for (const std::size_t in : {0, 1, 2, 5, 6, 7, 20}) cuts.push_back(head + in);
    std::mt19937 random(seed);
    for (std::size_t i = 0; i < more; ++i) {
      const auto upper = static_cast<std::size_t>(200 + 100'000 * (i + 1) / more);
      cuts.push_back(head + random() % upper);
    }
    return cuts;
  }
  // Of the daemon's upgrade request: what a first connection showed.
  std::size_t request_bytes() {
    EXPECT_TRUE(eventually(kSoon, [&] {
      return gateway.server().connections() > 0 && !gateway.server().record(0).request.empty();
    }));
    return gateway.server().record(0).request.size() + 2;
  }
  void expect_cuts_lose_nothing(std::size_t more, WsCut::How how) {
    gateway.behave([](WsRules& rules) { rules.answer_upgrade = false; });
    // A year's heartbeat: only the cuts end connections.
    start({"--replay", "unconfirmed", "--heartbeat-interval", "60"});
    ASSERT_NO_FATAL_FAILURE(finished_run("r0"));
    ASSERT_NO_FATAL_FAILURE(run("active", "hold"));
    int runs = 1;
    for (const std::size_t bytes : stages(more)) {
      const std::size_t before = gateway.server().connections();
      gateway.behave([&](WsRules& rules) {
        rules.cut = [=](std::size_t) { return WsCut{bytes, how}; };
      });
      daemon->signal(SIGHUP);  // a person connects anew at once
      const bool cut = eventually(kSoon, [&] {
        const bool there = gateway.server().connections() > before;
        if (there && gateway.server().record(before).ended) return true;
        // Where all has been confirmed there is not enough to reach the cut.
        if (there && backlog() == 0) run("r" + std::to_string(runs++), "many");
        return false;
      });
      ASSERT_TRUE(cut) << "cut at " << bytes;
    }
    gateway.confirm(Confirms::rightly);
    daemon->signal(SIGHUP);
    write_file(release, "");
    for (int i = 0; i < runs; ++i) expect_all_of("r" + std::to_string(i));
    expect_all_of("active", 2 * 20 + 3);
    std::cout << runs << " runs, ";
    std::cout << gateway.server().connections() << " connections\n";
  }
};

class MisbehavingGatewayCuts : public MisbehavingGatewayTests {};
class LongMisbehavingGateway : public MisbehavingGatewayTests {};

TEST_F(MisbehavingGatewayCuts, ResetAtAnyByteLosesNothing) {
  expect_cuts_lose_nothing(30, WsCut::How::reset);
}
TEST_F(MisbehavingGatewayCuts, EndAtAnyByteLosesNothing) {
  expect_cuts_lose_nothing(30, WsCut::How::end);
}
TEST_F(LongMisbehavingGateway, ResetAtAnyByteLosesNothing) {
  expect_cuts_lose_nothing(2000, WsCut::How::reset);
}
TEST_F(LongMisbehavingGateway, EndAtAnyByteLosesNothing) {
  expect_cuts_lose_nothing(2000, WsCut::How::end);
}

// It takes some bytes and stands still from then on, its kernel goes on acknowledging.
TEST_F(MisbehavingGatewayCuts, StallAtAnyStageIsNoticedInTime) {
  constexpr milliseconds kHeartbeat{1000};
  constexpr milliseconds kConnectTimeout{1000};
  gateway.behave([](WsRules& rules) { rules.answer_upgrade = false; });
  start({"--replay", "unconfirmed", "--heartbeat-interval", "1", "--connect-timeout", "1",
         "--reconnect-delay", "0.02"});
  ASSERT_NO_FATAL_FAILURE(finished_run("r1"));
  const std::size_t head = request_bytes();
  for (const std::size_t bytes : {std::size_t{0}, head / 2, head, head + 3, head + 5000}) {
    const std::size_t before = gateway.server().connections();
    gateway.behave([&](WsRules& rules) {
      rules.cut = [=](std::size_t) { return WsCut{bytes, WsCut::How::stall}; };
    });
    daemon->signal(SIGHUP);
    ASSERT_TRUE(eventually(kSoon, [&] { return gateway.server().connections() > before; }));
    const auto stood = Clock::now();
    // The status tells, whenever the next try is due.
    ASSERT_TRUE(eventually(kSoon, [&] { return text_of(gateway_view(), "state") != "waiting"; }));
    EXPECT_TRUE(eventually(kSoon, [&] { return text_of(gateway_view(), "state") == "waiting"; }));
    const auto took = since(stood);
    const bool stands = bytes > head;
    // The first ping goes out within half a heartbeat.
    EXPECT_LE(took, (stands ? 2 * kHeartbeat + kHeartbeat / 2 : kConnectTimeout) + kSlack)
        << "stalled at " << bytes << ": " << text_of(gateway_view(), "last_error");
  }
  gateway.confirm(Confirms::rightly);
  daemon->signal(SIGHUP);
  expect_all_of("r1");
}

// A connection whose answer to the upgrade, or whose first words, come in half.
TEST_F(MisbehavingGatewayCuts, HalfAnAnswerIsNone) {
  start({"--connect-timeout", "0.5", "--reconnect-delay", "0.02"});
  for (const char* half : {"HTTP/1.1 101 Switching Pro", "HTTP/1.1 101 Switching Protocols\r\n",
                           "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"}) {
    for (const bool ends : {false, true}) {
      const std::size_t before = gateway.server().connections();
      gateway.behave([&](WsRules& rules) {
        rules.answer_instead = half;
        if (ends) rules.cut = [](std::size_t) { return WsCut{200, WsCut::How::end}; };
      });
      daemon->signal(SIGHUP);
      EXPECT_TRUE(eventually(kSoon, [&] { return gateway.server().connections() > before + 1; }));
    }
  }
  gateway.confirm(Confirms::rightly);
  daemon->signal(SIGHUP);
  ASSERT_NO_FATAL_FAILURE(run("r1", "many"));
  expect_all_of("r1");
}

struct Habit {
  std::string name;
  Confirms how = Confirms::rightly;
  milliseconds late{0};
};

void PrintTo(const Habit& habit, std::ostream* out) { *out << habit.name; }

class MisbehavingGatewayConfirms : public MisbehavingGatewayTest,
                                   public ::testing::WithParamInterface<Habit> {};

TEST_P(MisbehavingGatewayConfirms, EverythingIsDeliveredOnOneConnection) {
  gateway.confirm(GetParam().how, GetParam().late);
  start({"--heartbeat-interval", "5"});
  for (const char* id : {"r1", "r2", "r3"}) ASSERT_NO_FATAL_FAILURE(run(id, "many"));
  for (const char* id : {"r1", "r2", "r3"}) expect_all_of(id);
  EXPECT_EQ(gateway.server().connections(), 1U) << text_of(gateway_view(), "last_error");
}

// What it confirmed without having it is sent again nonetheless.
TEST_P(MisbehavingGatewayConfirms, NothingIsTakenForDeliveredThatWasNotSent) {
  gateway.behave([](WsRules& rules) { rules.answer_upgrade = false; });
  start({"--replay", "unconfirmed", "--heartbeat-interval", "60"});
  ASSERT_NO_FATAL_FAILURE(finished_run("r1"));
  std::vector<std::size_t> cuts;
  for (std::size_t bytes = 2'000; bytes < 80'000; bytes += 13'000) cuts.push_back(bytes);
  for (const std::size_t bytes : cuts) {
    const std::size_t before = gateway.server().connections();
    gateway.confirm(GetParam().how, GetParam().late);
    WsRules rules = gateway.server().rules();
    rules.cut = [=](std::size_t) { return WsCut{bytes, WsCut::How::reset}; };
    gateway.server().set_rules(rules);
    daemon->signal(SIGHUP);
    ASSERT_TRUE(eventually(kSoon,
                           [&] {
                             return gateway.server().connections() > before &&
                                    gateway.server().record(before).ended;
                           }))
        << "cut at " << bytes;
  }
  gateway.confirm(Confirms::rightly);
  daemon->signal(SIGHUP);
  expect_all_of("r1");
}

INSTANTIATE_TEST_SUITE_P(How, MisbehavingGatewayConfirms,
                         ::testing::Values(Habit{"Late", Confirms::rightly, milliseconds(300)},
                                           Habit{"Twice", Confirms::twice},
                                           Habit{"BeyondWhatWasSent", Confirms::beyond},
                                           Habit{"Nonsense", Confirms::nonsense}),
                         [](const auto& each) { return each.param.name; });

class MisbehavingGatewayRefuses : public MisbehavingGatewayTest {
 protected:
  // Time between two handshakes: all that began since `first`.
  std::vector<milliseconds> gaps(std::size_t first) {
    std::vector<milliseconds> gaps;
    for (std::size_t i = first + 1; i < gateway.server().connections(); ++i) {
      gaps.push_back(std::chrono::duration_cast<milliseconds>(
          gateway.server().record(i).accepted - gateway.server().record(i - 1).accepted));
    }
    return gaps;
  }
  void refuse(const std::string& status, const std::string& headers) {
    gateway.behave([&](WsRules& rules) {
      rules.answer_instead = "HTTP/1.1 " + status + "\r\n" + headers + "Content-Length: 0\r\n\r\n";
    });
  }
};

TEST_F(MisbehavingGatewayRefuses, NoRefusalMakesATightLoop) {
  // A range of at least twice the delay, half of it as a floor: 100 ms at first, longer with
  // every try.
  constexpr milliseconds kWindow{1500};
  constexpr std::size_t kMost = 8;
  WsServer elsewhere;
  const std::string location = "Location: " + elsewhere.url() + "/daemon\r\n";
  const std::vector<std::pair<std::string, std::string>> refusals{
      {"401 Unauthorized", "WWW-Authenticate: Bearer\r\n"},
      {"403 Forbidden", ""},
      {"429 Too Many Requests", ""},
      {"429 Too Many Requests", "Retry-After: 0\r\n"},
      {"429 Too Many Requests", "Retry-After: soon\r\n"},
      {"500 Internal Server Error", ""},
      {"502 Bad Gateway", ""},
      {"503 Service Unavailable", "Retry-After: -5\r\n"},
      {"301 Moved Permanently", location},
      {"302 Found", "Location: /daemon\r\n"},
      {"308 Permanent Redirect", location}};
  refuse(refusals.front().first, refusals.front().second);
  start({});
  ASSERT_NO_FATAL_FAILURE(finished_run("r1"));
  for (const auto& [status, headers] : refusals) {
    SCOPED_TRACE(status + " " + headers);
    refuse(status, headers);
    // The first failure comes anew, so the waits are the shortest there are.
    daemon->kill();
    daemon->start();
    EXPECT_LE(handshakes_in(kWindow), kMost);
    // On a machine without time to spare the first try may not be over yet.
    EXPECT_TRUE(eventually(kSoon, [&] {
      return text_of(gateway_view(), "last_error").find(status) != std::string::npos;
    })) << boost::json::serialize(gateway_view());
  }
  EXPECT_EQ(elsewhere.connections(), 0U);
  gateway.confirm(Confirms::rightly);
  expect_all_of("r1");
}

TEST_F(MisbehavingGatewayRefuses, RetryAfterIsKept) {
  constexpr milliseconds kRounding{100};
  refuse("503 Service Unavailable", "");
  start({"--reconnect-delay", "0.02"});
  ASSERT_NO_FATAL_FAILURE(finished_run("r1"));
  // The number of the first handshake of a new daemon, all of whose handshakes get this answer.
  const auto refused_from_its_start = [&](const std::string& status, const std::string& headers) {
    daemon->kill();
    refuse(status, headers);
    const std::size_t first = gateway.server().connections();
    daemon->start();
    return first;
  };
  const auto reaches = [&](std::size_t count) {
    return eventually(kSoon, [&] { return gateway.server().connections() >= count; });
  };
  const auto accepted = [&](std::size_t handshake) {
    return gateway.server().record(handshake).accepted;
  };
  // A machine may be so slow that a daemon hears of a date when that is over.
  bool in_time = false;
  for (int round = 0; round < 5 && !in_time; ++round) {
    const auto date = std::time(nullptr) + 4;
    const auto until = Clock::now() + (std::chrono::system_clock::from_time_t(date) -
                                       std::chrono::system_clock::now());
    std::tm parts{};
    gmtime_r(&date, &parts);
    char text[64];
    (void)std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    const std::size_t first = refused_from_its_start("429 Too Many Requests",
                                                     std::string("Retry-After: ") + text + "\r\n");
    ASSERT_TRUE(reaches(first + 1));
    in_time = accepted(first) < until - seconds(1);
    ASSERT_TRUE(reaches(first + 2));
    EXPECT_TRUE(!in_time || accepted(first + 1) >= until - kRounding) << "the date was not kept";
  }
  EXPECT_TRUE(in_time);
  const std::size_t first = refused_from_its_start("503 Service Unavailable", "Retry-After: 2\r\n");
  ASSERT_TRUE(reaches(first + 3));
  for (const milliseconds gap : gaps(first)) EXPECT_GE(gap, seconds(2));
  gateway.confirm(Confirms::rightly);
  expect_all_of("r1");
}

class MisbehavingGatewayNeverConfirms : public MisbehavingGatewayTest {
 protected:
  // Says something now and then, so that the connection lives.
  template <class Condition>
  bool while_it_talks(milliseconds limit, Condition&& condition) {
    auto next = Clock::now();
    return eventually(limit, [&] {
      if (Clock::now() >= next) {
        gateway.server().send_ping("there?");
        next = Clock::now() + milliseconds(20);
      }
      return condition();
    });
  }
};

TEST_F(MisbehavingGatewayNeverConfirms, ThatLivesItIsLeftThreeTimesAndThenServedByTheWeakerRule) {
  if (gateway.speaks_capnp()) GTEST_SKIP() << "pongs confirm in JSON alone";
  gateway.confirm(Confirms::never);
  start({"--heartbeat-interval", "0.2", "--reconnect-delay", "0.02"});
  ASSERT_NO_FATAL_FAILURE(run("r1", "many"));
  EXPECT_TRUE(while_it_talks(kRunTime, [&] {
    return !gateway.heard().end("r1").empty() && backlog() == 0;
  })) << boost::json::serialize(gateway_view());
  EXPECT_EQ(gateway.server().upgrades(), 4U);
  EXPECT_EQ(text_of(gateway_view(), "confirms"), "tcp");
  EXPECT_THAT(text_of(gateway_view(), "warning"), HasSubstr("answers no pings"));
  // The fourth stays, and serves.
  ASSERT_NO_FATAL_FAILURE(run("r2", "many"));
  EXPECT_TRUE(while_it_talks(kRunTime,
                             [&] { return !gateway.heard().end("r2").empty() && backlog() == 0; }));
  EXPECT_FALSE(while_it_talks(seconds(3), [&] { return gateway.server().connections() > 4; }));
  for (const char* id : {"r1", "r2"}) {
    EXPECT_EQ(gateway.heard().events(id), kEvents);
    EXPECT_EQ(gateway.heard().faults(id), "");
  }
}

// What it does not acknowledge is never counted, however often it was sent.
TEST_F(MisbehavingGatewayNeverConfirms, AcknowledgementsAreWaitedFor) {
  if (!gateway.speaks_capnp()) GTEST_SKIP() << "acknowledgements are charter.capnp.v1's";
  for (const Confirms how : {Confirms::never, Confirms::first}) {
    const std::string id = how == Confirms::never ? "r1" : "r2";
    gateway.confirm(how);
    if (!daemon) start({"--heartbeat-interval", "0.2", "--reconnect-delay", "0.02"});
    const std::size_t before = gateway.server().connections();
    ASSERT_NO_FATAL_FAILURE(run(id, "many"));
    // Where this test gets no processor for two heartbeats, it is left for its silence before that.
    ASSERT_TRUE(while_it_talks(
        kRunTime,
        [&] {
          return gateway.server().connections() > before + 1 &&
                 text_of(gateway_view(), "last_error").find("acknowledges no event") !=
                     std::string::npos;
        }))
        << "it is left after 24 heartbeats: " << boost::json::serialize(gateway_view());
    EXPECT_GT(backlog(), 0);
    gateway.confirm(Confirms::rightly);
    expect_all_of(id);
  }
}

}  // namespace
}  // namespace charter::tests
