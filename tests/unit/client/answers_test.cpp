#include "client/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace charter::client {
namespace {

using testing::HasSubstr;

std::string reply(const Question& question, std::string_view line) {
  const auto json = read_reply(question, line);
  return json ? *json : "not: " + json.error().what;
}

Question text(bool optional) { return {"q", "text", "Say", optional, false, {}}; }
Question choice(std::string kind, bool optional, bool allow_other = false) {
  // The value of the second is the number of the first.
  return {"q",         std::move(kind),
          "Choose",    optional,
          allow_other, {{"eu", "Europe", true}, {"1", "One", false}, {"a b", "Both", false}}};
}

TEST(Replies, ToATextAreItsBytesAsJson) {
  EXPECT_EQ(reply(text(false), " a \"b\"\t\xC3\xA4 "), "\" a \\\"b\\\"\\u0009\xC3\xA4 \"");
  EXPECT_EQ(reply(text(false), "x\xFFy"), "\"x\uFFFDy\"");
  EXPECT_EQ(reply(text(false), ""), "not: Give an answer.");
  EXPECT_EQ(reply(text(true), ""), "null");
}

TEST(Replies, ToASelectAreItsNumberOrItsValue) {
  EXPECT_EQ(reply(choice("select", false), " 3 "), "\"a b\"");
  EXPECT_EQ(reply(choice("select", false), "eu"), "\"eu\"");
  EXPECT_EQ(reply(choice("select", false), "1"), "\"eu\"") << "a number goes before a value";
  EXPECT_EQ(reply(choice("select", true), "  "), "null");
  for (const char* wrong : {"", "0", "4", "-1", "Europe", "1,2", "99999999999999999999"}) {
    EXPECT_EQ(reply(choice("select", false), wrong), "not: Answer with one number from 1 to 3.");
  }
}

TEST(Replies, ToAMultiSelectAreSeveralOfThose) {
  EXPECT_EQ(reply(choice("multi_select", false), "3, eu ,"), R"(["a b","eu"])");
  EXPECT_EQ(reply(choice("multi_select", true), ""), "[]");
  EXPECT_EQ(reply(choice("multi_select", false), " , "), "not: Give at least one.");
  EXPECT_EQ(reply(choice("multi_select", false), "1,eu"), "not: 'eu' was given twice.");
  EXPECT_THAT(reply(choice("multi_select", false), "mine"), HasSubstr("There is no 'mine'"));
}

TEST(Replies, OwnWordsAreTakenWhereAllowedButNoWrongNumbers) {
  EXPECT_EQ(reply(choice("multi_select", false, true), "2, by hand"), R"(["1","by hand"])");
  EXPECT_EQ(reply(choice("multi_select", false, true), "x,x"), "not: 'x' was given twice.");
  EXPECT_THAT(reply(choice("multi_select", false, true), "7"), HasSubstr("There is no '7'"));
}

TEST(HowToAnswer, GivesACommandAShellTakes) {
  EXPECT_EQ(how_to_answer("r1", {.form = true,
                                 .step = "f",
                                 .show = {},
                                 .message = {},
                                 .questions = {{"it's", "text", "?", false, false, {}},
                                               choice("select", false)}}),
            "Run r1 waits for input at step 'f'. Answer it with: charter-daemon submit r1 "
            "--answers '{\"it'\\''s\": \"...\", \"q\": \"eu\"}'");
}

}  // namespace
}  // namespace charter::client
