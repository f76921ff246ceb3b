#include "supervisor/request_reader.h"

#include <gtest/gtest.h>

namespace charter::supervisor {
namespace {

using Outcome = RequestReader::Outcome;

TEST(RequestReaderTest, LineArrivesInPiecesAndWhatFollowsIsIgnored) {
  RequestBudget budget(100);
  RequestReader reader(50, budget);
  EXPECT_EQ(reader.feed("{\"a\""), Outcome::more);
  EXPECT_EQ(reader.feed(":1}\n{\"second\":2}\n"), Outcome::complete);
  EXPECT_EQ(reader.take(), "{\"a\":1}");
  EXPECT_EQ(budget.used(), 7U);  // until it is answered
}

TEST(RequestReaderTest, LineOverTheLimitIsTooLargeAndOneAtTheLimitIsNot) {
  RequestBudget budget(100);
  RequestReader reader(8, budget);
  EXPECT_EQ(reader.feed("12345678"), Outcome::more);
  EXPECT_EQ(reader.feed("\n"), Outcome::complete);
  RequestReader other(8, budget);
  EXPECT_EQ(other.feed("123456789"), Outcome::too_large);
}

TEST(RequestReaderTest, UnfinishedRequestsTogetherAreBoundedAndGiveTheirBytesBack) {
  RequestBudget budget(10);
  RequestReader second(10, budget);
  {
    RequestReader first(10, budget);
    EXPECT_EQ(first.feed("123456"), Outcome::more);
    EXPECT_EQ(second.feed("12345"), Outcome::crowded);
  }
  EXPECT_EQ(budget.used(), 0U);
  EXPECT_EQ(second.feed("12345"), Outcome::more);
}

TEST(RequestReaderTest, NothingButAnEndIsAnEmptyLine) {
  RequestBudget budget(10);
  RequestReader reader(10, budget);
  EXPECT_TRUE(reader.empty());
  EXPECT_EQ(reader.feed("\n"), Outcome::complete);
  EXPECT_EQ(reader.take(), "");
}

}  // namespace
}  // namespace charter::supervisor
