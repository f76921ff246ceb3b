#include "ipc/error.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace charter::ipc {
namespace {

TEST(Error, names_the_operation_and_the_systems_reason) {
  errno = ENOENT;
  const Error error = errno_error("open /x");
  EXPECT_EQ(error.message(), "open /x: No such file or directory");
  EXPECT_EQ(error.code, std::errc::no_such_file_or_directory);
  EXPECT_EQ(plain_error("damaged").message(), "damaged");
}

TEST(Result, throws_only_when_asked_for_a_value_it_has_not) {
  const Result<int> bad = plain_error("damaged");
  EXPECT_FALSE(bad);
  EXPECT_THROW((void)bad.value(), std::system_error);
  EXPECT_EQ(Result<int>(3).value(), 3);
  EXPECT_TRUE(Result<void>());
}

}  // namespace
}  // namespace charter::ipc
