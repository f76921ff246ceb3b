// The page's files, and what its lists need of the API.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <span>

#include "gateway/change_log.h"
#include "gateway/page_file.h"
#include "tests/unit/gateway/daemon_client.h"
#include "tests/unit/gateway/gateway_process.h"

namespace charter::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using tests::http_header;

std::span<const PageFile> files() { return {kPageFiles, kPageFileCount}; }

TEST(Page, IsServedWithItsPolicy) {
  const GatewayProcess gateway;
  ASSERT_GT(files().size(), 10U);
  for (const PageFile& file : files()) {
    const auto answer = get(gateway.port(), file.path);
    EXPECT_EQ(answer.status, 200) << file.path;
    EXPECT_EQ(answer.body, file.text) << file.path;
    EXPECT_FALSE(file.type.empty()) << file.path;
    EXPECT_EQ(http_header(answer.head, "Content-Type"), file.type);
    const std::string policy = http_header(answer.head, "Content-Security-Policy").value_or("");
    EXPECT_THAT(policy, HasSubstr("default-src 'none'"));
    EXPECT_THAT(policy, HasSubstr("frame-ancestors 'none'"));
    EXPECT_THAT(policy, Not(HasSubstr("unsafe")));
    EXPECT_EQ(http_header(answer.head, "X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(http_header(answer.head, "Referrer-Policy"), "no-referrer");
  }
  EXPECT_EQ(get(gateway.port(), "/page/none.js").status, 404);
  EXPECT_EQ(get(gateway.port(), "/page/").status, 404);
  EXPECT_EQ(get(gateway.port(), "/page/../api").status, 404);
  EXPECT_THAT(get(gateway.port(), "/api").body, HasSubstr("/api/runs"));
}

TEST(Page, IsSentAgainOnlyWhenItHasChanged) {
  const GatewayProcess gateway;
  const auto first = get(gateway.port(), "/");
  const std::string tag = http_header(first.head, "ETag").value_or("");
  ASSERT_GT(tag.size(), 10U);
  EXPECT_EQ(http_header(first.head, "Cache-Control"), "no-cache");
  const auto again = ask(gateway.port(), "GET", "/", {}, {"If-None-Match: \"x\", W/" + tag});
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.body, "");
  EXPECT_EQ(http_header(again.head, "ETag"), tag);
  EXPECT_EQ(ask(gateway.port(), "GET", "/", {}, {"If-None-Match: \"other\""}).status, 200);
  EXPECT_EQ(ask(gateway.port(), "POST", "/", "{}").status, 405);
  EXPECT_EQ(http_header(get(gateway.port(), "/api/runs").head, "Cache-Control"), "no-store");
}

// Whoever has no token yet needs the page to give it, and gets nothing else.
TEST(Page, IsOpenToThoseWithoutAToken) {
  const Scratch scratch;
  std::ofstream(scratch / "token") << "secret\n";
  const GatewayProcess gateway({"--token-file", scratch / "token"});
  EXPECT_EQ(get(gateway.port(), "/").status, 200);
  EXPECT_EQ(get(gateway.port(), "/page/main.js?v=1").status, 200);
  EXPECT_EQ(get(gateway.port(), "/api").status, 401);
  EXPECT_EQ(get(gateway.port(), "/api/workflows").status, 401);
  EXPECT_EQ(EventReader(gateway.port(), "/api/runs").status(), 401);
  EXPECT_EQ(EventReader(gateway.port(), "/api/runs", {"Authorization: Bearer secret"}).status(),
            200);
}

// The policy forbids them, so a browser would drop them silently.
TEST(Page, HasNoScriptOrStyleInItsMarkup) {
  const std::string index(find_page_file("/")->text);
  EXPECT_THAT(index, Not(HasSubstr("<style")));
  EXPECT_THAT(index, Not(HasSubstr("style=")));
  EXPECT_THAT(index, Not(HasSubstr("onclick")));
  for (const PageFile& file : files()) {
    EXPECT_THAT(std::string(file.text), Not(HasSubstr("innerHTML"))) << file.path;
    EXPECT_THAT(std::string(file.text), Not(HasSubstr("insertAdjacentHTML"))) << file.path;
    if (file.path != "/page/icon.svg") {
      EXPECT_THAT(std::string(file.text), Not(HasSubstr("http://"))) << file.path;
    }
    EXPECT_THAT(std::string(file.text), Not(HasSubstr("https://"))) << file.path;
  }
}

class PageLists : public ::testing::Test {
 protected:
  PageLists() : daemon(gateway.port()) { daemon.send(register_text()); }

  std::vector<std::string> ids(const std::string& query) {
    std::vector<std::string> found;
    const auto page = get(gateway.port(), "/api/runs" + query).json();
    for (const auto& run : page.at("runs").as_array()) {
      found.emplace_back(run.at("run_id").as_string());
    }
    return found;
  }
  // The next item that tells of a run: its id and status.
  std::string next_run(EventReader& reader) {
    while (auto item = reader.next()) {
      if (item->event != "run") continue;
      const auto run = boost::json::parse(item->data);
      return std::string(run.at("run_id").as_string()) + " " +
             std::string(run.at("status").as_string());
    }
    return "nothing";
  }

  GatewayProcess gateway;
  DaemonClient daemon;
};

TEST_F(PageLists, RunsAreFoundByText) {
  for (const auto* run : {"Alpha-1", "alpha-2", "beta_%"}) {
    daemon.send(announced_text(run, "running"));
  }
  ASSERT_TRUE(daemon.settle());
  EXPECT_THAT(ids("?text=ALPHA"), ElementsAre("alpha-2", "Alpha-1"));
  EXPECT_THAT(ids("?text=%25"), ElementsAre("beta_%"));
  EXPECT_THAT(ids("?text=demo"), ElementsAre("beta_%", "alpha-2", "Alpha-1"));
  EXPECT_THAT(ids("?text=w1&status=paused"), ElementsAre());
  EXPECT_THAT(ids("?text=a-1%0Ademo"), ElementsAre("Alpha-1"));
  EXPECT_THAT(ids("?text=nothing"), ElementsAre());
}

TEST_F(PageLists, WorkflowsAreThoseThatHadRuns) {
  EXPECT_TRUE(get(gateway.port(), "/api/workflows").json().at("workflows").as_array().empty());
  for (const auto* run : {"a", "b"}) daemon.send(announced_text(run, "running"));
  ASSERT_TRUE(daemon.settle());
  EXPECT_EQ(get(gateway.port(), "/api/workflows").body,
            R"({"workflows":[{"workflow":"demo","runs":2}]})");
  EXPECT_EQ(get(gateway.port(), "/api/workflows?x=1").status, 400);
}

TEST_F(PageLists, AllRunsAreFollowed) {
  daemon.send(announced_text("before", "running"));
  ASSERT_TRUE(daemon.settle());
  EventReader reader(gateway.port(), "/api/runs");
  ASSERT_EQ(reader.status(), 200);
  EXPECT_EQ(reader.next()->event, "ready");
  daemon.send(announced_text("r", "running"));
  ASSERT_TRUE(daemon.settle());
  EXPECT_EQ(next_run(reader), "r running");
  daemon.send(event_text("before", 0, kGatePending));
  ASSERT_TRUE(daemon.settle());
  EXPECT_EQ(next_run(reader), "before paused");
  // The very run that was told of last changes once more.
  daemon.send(event_text("before", 1, kFailed));
  ASSERT_TRUE(daemon.settle());
  EXPECT_EQ(next_run(reader), "before failed");
  DaemonClient other(gateway.port());
  other.send(register_text());
  const auto news = reader.next();
  ASSERT_TRUE(news);
  EXPECT_EQ(news->event, "workers");
  EXPECT_EQ(EventReader(gateway.port(), "/api/runs?status=failed").status(), 400);
}

// A browser that begins to follow right behind a change of the same run misses nothing.
TEST(ChangeLog, TellsOfARunAgainToThoseWhoHaveLooked) {
  ChangeLog log;
  log.note(7);
  log.note(7);
  const auto early = log.mark();
  EXPECT_EQ(early, 1U);
  log.note(7);
  EXPECT_THAT(log.since(early).value(), ElementsAre(7));
  EXPECT_THAT(log.since(0).value(), ElementsAre(7));
  log.note(8);
  log.note(9);
  EXPECT_THAT(log.since(early).value(), ElementsAre(7, 8, 9));
  for (int run = 0; run < 5000; ++run) log.note(run);
  EXPECT_FALSE(log.since(early));
  EXPECT_TRUE(log.since(log.mark()).value().empty());
}

}  // namespace
}  // namespace charter::gateway
