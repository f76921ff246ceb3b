#include "supervisor/verdict_cache.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "ipc/journal.h"

namespace charter::supervisor {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

class VerdictCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string made = "/tmp/verdicts-XXXXXX";
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    directory_ = made;
    file_ = directory_ + "/plan.yml";
    std::ofstream(file_) << "steps: []\n";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  Verdict verdict(std::size_t bytes = 10) const {
    auto reply = std::make_shared<ipc::PrepareReply>();
    reply->ok = true;
    reply->state_head = std::string(bytes, 'x');
    reply->reads = {ipc::identify(file_), ipc::identify(directory_ + "/absent")};
    return reply;
  }
  static std::int64_t later() { return ipc::now_us() * 1000 + kSecondNs; }

  std::string directory_;
  std::string file_;
  VerdictCache cache_{100'000};
};

TEST_F(VerdictCacheTest, KnownQuestionIsAnsweredWhileItsFilesStayTheSame) {
  cache_.keep("question", verdict(), later());
  EXPECT_NE(cache_.find("question"), nullptr);
  EXPECT_EQ(cache_.find("another"), nullptr);
}

TEST_F(VerdictCacheTest, ChangedFileForgetsTheVerdict) {
  cache_.keep("question", verdict(), later());
  std::ofstream(file_, std::ios::app) << "# more\n";
  EXPECT_EQ(cache_.find("question"), nullptr);
  EXPECT_EQ(cache_.size(), 0U);
}

TEST_F(VerdictCacheTest, FileThatAppearsForgetsTheVerdict) {
  cache_.keep("question", verdict(), later());
  std::ofstream(directory_ + "/absent") << "now it is here";
  EXPECT_EQ(cache_.find("question"), nullptr);
}

// A file changed twice within one tick of its file system's clock may look unchanged.
TEST_F(VerdictCacheTest, FileChangedJustNowIsNotTrusted) {
  cache_.keep("question", verdict(), ipc::identify(file_).mtime_ns + kSecondNs / 1000);
  EXPECT_EQ(cache_.find("question"), nullptr);
}

TEST_F(VerdictCacheTest, MemoryIsBoundedAndTheLeastUsedGoFirst) {
  cache_.keep("first", verdict(20'000), later());
  cache_.keep("second", verdict(20'000), later());
  cache_.keep("third", verdict(20'000), later());
  cache_.keep("fourth", verdict(20'000), later());
  EXPECT_NE(cache_.find("first"), nullptr);
  cache_.keep("fifth", verdict(20'000), later());
  EXPECT_NE(cache_.find("first"), nullptr);
  EXPECT_EQ(cache_.find("second"), nullptr);
  cache_.keep("huge", verdict(90'000), later());
  EXPECT_EQ(cache_.find("huge"), nullptr);
}

}  // namespace
}  // namespace charter::supervisor
