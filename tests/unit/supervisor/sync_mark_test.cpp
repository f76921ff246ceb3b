#include "supervisor/sync_mark.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace charter::supervisor {
namespace {

TEST(SyncMark, TellsTheNextWhatWasBeingSynced) {
  std::string directory = "/tmp/sync-mark-XXXXXX";
  ASSERT_NE(::mkdtemp(directory.data()), nullptr);
  const std::string path = directory + "/mark";
  EXPECT_EQ(SyncMark::left(path).value(), "");
  SyncMark mark(path);
  mark.clear();
  mark.set("one\ntwo\nthree\n");
  EXPECT_EQ(SyncMark::left(path).value(), "one\ntwo\nthree\n");
  mark.set("four\n");
  EXPECT_EQ(SyncMark::left(path).value(), "four\n");
  mark.clear();
  EXPECT_EQ(SyncMark::left(path).value(), "");
  SyncMark(path).set("five\n");
  EXPECT_EQ(SyncMark::left(path).value(), "five\n");
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace charter::supervisor
