// What lies under the name of a file may be something else, and must not hold anybody up.
#include "ipc/regular_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "ipc/text_file.h"
#include "tests/unit/ipc/scratch.h"

namespace charter::ipc {
namespace {

using ::testing::HasSubstr;

class RegularFile : public Scratch {};

TEST_F(RegularFile, IsOpened) {
  write_file(path("file"), "text");
  EXPECT_TRUE(open_regular(path("file"), O_RDONLY));
  EXPECT_TRUE(open_regular(path("new"), O_RDWR | O_CREAT, 0600));
  EXPECT_EQ(text_of_file(path("file"), 100), "text");
}

TEST_F(RegularFile, ThatIsMissingSaysSoByItsCode) {
  const auto opened = open_regular(path("none"), O_RDONLY);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, std::errc::no_such_file_or_directory);
  EXPECT_THAT(opened.error().what, HasSubstr(path("none")));
}

TEST_F(RegularFile, IsNeitherAPipeNorADirectoryNorADevice) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  ASSERT_EQ(::symlink("/dev/zero", path("device").c_str()), 0);
  ASSERT_EQ(::mkdir(path("directory").c_str(), 0700), 0);
  for (const auto* name : {"pipe", "device", "directory"}) {
    const auto opened = open_regular(path(name), O_RDONLY);
    ASSERT_FALSE(opened) << name;
    EXPECT_THAT(opened.error().message(), HasSubstr(path(name) + ": not a regular file"));
  }
  EXPECT_FALSE(open_regular(path("pipe"), O_WRONLY)) << "nobody reads it";
  EXPECT_EQ(text_of_file(path("pipe"), 100), "");
}

}  // namespace
}  // namespace charter::ipc
