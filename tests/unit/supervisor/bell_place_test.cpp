// The doorbells' directories of projects that are gone go with the end of some other daemon.
#include "supervisor/bell_place.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>

namespace charter::supervisor {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kEnough{20'000};

class BellPlaceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string made = "/tmp/bells-XXXXXX";
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    scratch_ = made;
    if (const char* before = ::getenv("XDG_RUNTIME_DIR")) session_ = before;
    fs::create_directory(scratch_ + "/run");
    ::setenv("XDG_RUNTIME_DIR", (scratch_ + "/run").c_str(), 1);
  }
  void TearDown() override {
    if (session_) {
      ::setenv("XDG_RUNTIME_DIR", session_->c_str(), 1);
    } else {
      ::unsetenv("XDG_RUNTIME_DIR");
    }
    fs::remove_all(scratch_);
  }
  // A daemon of a project of this name, which is there.
  BellPlace daemon_of(const std::string& project) {
    const ipc::Layout layout(scratch_ + "/" + project);
    fs::create_directories(layout.data_dir());
    auto taken = BellPlace::take(layout);
    EXPECT_TRUE(taken) << taken.error().message();
    std::ofstream(taken->bell()) << "";
    return std::move(*taken);
  }
  // What is left when it has ended.
  std::string left_by(const std::string& project) {
    const BellPlace place = daemon_of(project);
    return place.directory();
  }
  void remove_project(const std::string& project) const {
    fs::remove_all(scratch_ + "/" + project);
  }

  std::string scratch_;
  std::optional<std::string> session_;
};

TEST_F(BellPlaceTest, OfAProjectThatIsGoneIsRemoved) {
  const std::string gone = left_by("gone");
  const std::string there = left_by("there");
  remove_project("gone");
  const BellPlace mine = daemon_of("mine");
  EXPECT_EQ(mine.remove_abandoned(kEnough), 1U);
  EXPECT_FALSE(fs::exists(gone));
  EXPECT_TRUE(fs::exists(there + "/bell"));
  EXPECT_TRUE(fs::exists(mine.bell()));
  EXPECT_EQ(mine.remove_abandoned(kEnough), 0U);
}

TEST_F(BellPlaceTest, OfADaemonThatLivesStaysWhenItsProjectIsGone) {
  const BellPlace mine = daemon_of("mine");
  {
    const BellPlace other = daemon_of("other");
    remove_project("other");
    remove_project("mine");
    EXPECT_EQ(mine.remove_abandoned(kEnough), 0U);
    EXPECT_TRUE(fs::exists(other.bell()));
    EXPECT_TRUE(fs::exists(mine.bell()));
  }
  EXPECT_EQ(mine.remove_abandoned(kEnough), 1U);
}

TEST_F(BellPlaceTest, ThatSaysNothingOrSomethingElseStays) {
  const BellPlace mine = daemon_of("mine");
  const std::string base = fs::path(mine.directory()).parent_path();
  const std::string old = left_by("old");
  const std::string lying = left_by("lying");
  const std::string full = left_by("full");
  for (const char* project : {"old", "lying", "full"}) remove_project(project);
  fs::remove(old + "/data");
  fs::remove(lying + "/data");
  fs::create_symlink("/nowhere", lying + "/data");
  std::ofstream(full + "/something of somebody") << "";
  fs::create_directory(base + "/other");
  fs::create_symlink(old, base + "/link");
  EXPECT_EQ(mine.remove_abandoned(kEnough), 0U);
  for (const auto& path : {old, lying, full, base + "/other", base + "/link"}) {
    EXPECT_TRUE(fs::exists(path)) << path;
  }
}

TEST_F(BellPlaceTest, StaysWhenThereIsNoTimeForIt) {
  const std::string gone = left_by("gone");
  remove_project("gone");
  const BellPlace mine = daemon_of("mine");
  EXPECT_EQ(mine.remove_abandoned(std::chrono::milliseconds(0)), 0U);
  EXPECT_TRUE(fs::exists(gone + "/bell"));
  EXPECT_EQ(mine.remove_abandoned(kEnough), 1U);
}

TEST_F(BellPlaceTest, IsMadeAnewWhereItWasRemoved) {
  const std::string directory = left_by("again");
  remove_project("again");
  EXPECT_EQ(daemon_of("mine").remove_abandoned(kEnough), 1U);
  EXPECT_EQ(daemon_of("again").directory(), directory);
  EXPECT_TRUE(fs::is_symlink(directory + "/data"));
}

}  // namespace
}  // namespace charter::supervisor
