// YAML as PyYAML's safe loader reads it. tests/interop/plan_oracle.py compares far more of it.
#include "worker/yaml/reader.h"

#include <gtest/gtest.h>

#include "worker/json/python.h"

namespace charter::worker {
namespace {

std::string read(std::string_view text) {
  const auto value = read_yaml(text);
  return value ? repr(*value) : "error: " + value.error().text;
}

std::string scalar(std::string_view text) {
  const std::string list = read("- " + std::string(text));
  return list.starts_with('[') ? list.substr(1, list.size() - 2) : list;
}

TEST(YamlScalar, BooleansOfYaml11) {
  for (const char* text : {"yes", "Yes", "YES", "on", "true"}) EXPECT_EQ(scalar(text), "True");
  for (const char* text : {"no", "Off", "FALSE"}) EXPECT_EQ(scalar(text), "False");
  for (const char* text : {"y", "n", "tRue", "\"yes\""}) EXPECT_EQ(scalar(text)[0], '\'') << text;
}

TEST(YamlScalar, Integers) {
  EXPECT_EQ(scalar("017"), "15");
  EXPECT_EQ(scalar("0x_1F"), "31");
  EXPECT_EQ(scalar("0b1_01"), "5");
  EXPECT_EQ(scalar("1:30"), "90");
  EXPECT_EQ(scalar("190:20:30"), "685230");
  EXPECT_EQ(scalar("-0"), "0");
  EXPECT_EQ(scalar("0xFFFFFFFFFFFFFFFFFFFFFFFF"), "79228162514264337593543950335");
  for (const char* text : {"08", "0o17", "_1", "1:60"}) EXPECT_EQ(scalar(text)[0], '\'') << text;
}

TEST(YamlScalar, Floats) {
  EXPECT_EQ(scalar("1.0e+3"), "1000.0");
  EXPECT_EQ(scalar(".5"), "0.5");
  EXPECT_EQ(scalar("1:30.5"), "90.5");
  EXPECT_EQ(scalar("-.INF"), "-inf");
  EXPECT_EQ(scalar(".nan"), "nan");
  for (const char* text : {"1e3", "1.0e3", "+.5", ".Nan"}) EXPECT_EQ(scalar(text)[0], '\'') << text;
}

TEST(YamlScalar, DatesAreKeptByTheirPythonForm) {
  EXPECT_EQ(scalar("2024-01-02"), "datetime.date(2024, 1, 2)");
  EXPECT_EQ(scalar("2024-01-02t10:00:00.5-05:30"),
            "datetime.datetime(2024, 1, 2, 10, 0, 0, 500000, "
            "tzinfo=datetime.timezone(datetime.timedelta(days=-1, seconds=66600)))");
}

TEST(YamlScalar, WithoutAValueIsAnotherKindOfError) {
  const auto value = read_yaml("- 2024-13-02");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().kind, YamlError::Kind::value);
  EXPECT_EQ(value.error().text, "month must be in 1..12");
}

TEST(YamlScalar, IntegersOfThousandsOfDigitsAreRefusedQuickly) {
  EXPECT_NE(scalar(std::string(5000, '1')).find("Exceeds the limit (4300 digits)"),
            std::string::npos);
  EXPECT_NE(scalar("0x" + std::string(1'000'000, 'f')).find("Exceeds the limit"),
            std::string::npos);
  std::string sixties = "1";
  for (int i = 0; i < 300'000; ++i) sixties += ":30";
  EXPECT_NE(scalar(sixties).find("Exceeds the limit"), std::string::npos);
}

TEST(YamlMapping, LastDuplicateWinsAndMergedKeysComeFirst) {
  EXPECT_EQ(read("{a: 1, b: 2, a: 3}"), "{'a': 3, 'b': 2}");
  EXPECT_EQ(read("{k: 1, <<: {k: 2, z: 3}}"), "{'k': 1, 'z': 3}");
  EXPECT_EQ(read("'<<': {a: 1}"), "{'<<': {'a': 1}}");
}

TEST(YamlMapping, OfMergedListsTheKeyObjectDecidesWhichWins) {
  EXPECT_EQ(read("{<<: [{x: 1, long: 1}, {x: 2, long: 2}]}"), "{'x': 1, 'long': 2}");
}

TEST(YamlDocument, SeveralAreRefusedAndNoneIsNull) {
  EXPECT_EQ(read(""), "None");
  EXPECT_NE(read("a: 1\n---\nb: 1").find("but found another document"), std::string::npos);
}

TEST(YamlDocument, ErrorsNameLineAndColumn) {
  const std::string error = read("a: 1\nb: [1, 2\nc: 3");
  EXPECT_NE(error.find("line 3, column 2"), std::string::npos) << error;
  EXPECT_NE(error.find("    c: 3\n     ^"), std::string::npos) << error;
}

// PyYAML fills a collection after all that stands beside it.
TEST(YamlDocument, OfTwoFaultsTheLessDeepIsNamed) {
  const std::string unhashable = read("a: {b: {[1]: 2}}\nc: {[3]: 4}\n");
  EXPECT_NE(unhashable.find("found unhashable key\n  in \"<unicode string>\", line 2, column 5"),
            std::string::npos)
      << unhashable;
  EXPECT_EQ(read("- [[2024-13-02]]\n- 1000-02-31\n"), "error: day is out of range for month");
  const std::string tagged = read("- - 2024-13-02\n- !foo x\n");
  EXPECT_NE(tagged.find("could not determine a constructor for the tag '!foo'"), std::string::npos)
      << tagged;
}

// libyaml has other words for a tab below a plain scalar.
TEST(YamlDocument, TabBelowAPlainScalarCannotStartAToken) {
  EXPECT_EQ(read("a:\n  b: c\n\td\n"),
            "error: while scanning for the next token\n"
            "found character '\\t' that cannot start any token\n"
            "  in \"<unicode string>\", line 3, column 1:\n    \td\n    ^");
}

TEST(YamlDocument, EscapesWantAllTheirDigits) {
  EXPECT_EQ(read("a: \"\\u89E\""),
            "error: while scanning a double-quoted scalar\n"
            "  in \"<unicode string>\", line 1, column 4:\n    a: \"\\u89E\"\n       ^\n"
            "expected escape sequence of 4 hexadecimal numbers, but found '\"'\n"
            "  in \"<unicode string>\", line 1, column 7:\n    a: \"\\u89E\"\n          ^");
  EXPECT_NE(read("a: \"\\U0000g\"").find("of 8 hexadecimal numbers, but found 'g'"),
            std::string::npos);
}

// PyYAML calls a token a key only where its scanner lets one begin.
TEST(YamlDocument, KeysBeginLinesButNotInFlowCollectionsOrBelowDirectives) {
  EXPECT_NE(read("a: [\n  b: {}\n  c: d}\n").find("but got '<scalar>'"), std::string::npos);
  EXPECT_NE(read("a: [b: c,\n  d, # e\n  f: g}\n").find("but got '}'"), std::string::npos);
  EXPECT_NE(read("a:\n  b:\n%YAML 1.1\n    c: [d]\n").find("but found '<scalar>'"),
            std::string::npos);
}

TEST(YamlLimits, AliasInsideWhatItStandsForIsRefused) {
  EXPECT_NE(read("a: &a [1, *a]").find("inside what it stands for"), std::string::npos);
}

TEST(YamlLimits, ExpandingAliasesIsBounded) {
  std::string laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last;
    for (int j = 0; j < 9; ++j) laughs += ", " + last;
    laughs += "]\n";
  }
  EXPECT_NE(read(laughs).find("aliases expand to more than"), std::string::npos);
}

TEST(YamlLimits, MergingIsBounded) {
  std::string text = "base: &b {";
  for (int i = 0; i < 2000; ++i) text += "k" + std::to_string(i) + ": 1, ";
  text += "}\nall:\n  <<: [";
  for (int i = 0; i < 2000; ++i) text += "{<<: *b}, ";
  EXPECT_NE(read(text + "]\n").find("merge keys copy too many values"), std::string::npos);
}

TEST(YamlLimits, NestingIsBounded) {
  EXPECT_NE(read(std::string(201, '[') + std::string(201, ']')).find("nested more than 200 deep"),
            std::string::npos);
  std::string chain = "a0: &a0 [x]\n";
  for (int i = 1; i < 400; ++i) {
    chain += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) +
             "]\n";
  }
  EXPECT_NE(read(chain).find("nested more than 200 deep"), std::string::npos);
}

// Its key `=` stands for a mapping, which may be another's alias; the last of a chain is asked
// first.
TEST(YamlLimits, MappingsThatStandForOneAnotherAreFollowedWithoutNesting) {
  std::string chain = "!!str {x: [&a0 !!str {=: q}";
  for (int i = 1; i < 100'000; ++i) {
    chain += ", &a" + std::to_string(i) + " !!str {=: *a" + std::to_string(i - 1) + "}";
  }
  EXPECT_EQ(read(chain + "], =: *a99999}"), "'q'");
  chain = "[&a0 !!str {=: q}" + chain.substr(chain.find(','));
  EXPECT_NE(read(chain + "]").find("aliases expand to more than 1000000 values"),
            std::string::npos);
}

TEST(YamlLimits, TextOfMappingsThatStandForItIsBounded) {
  std::string text = "[&t " + std::string(1 << 20, 'x');
  for (int i = 0; i < 100; ++i) text += ", !!str {=: *t}";
  EXPECT_NE(read(text + "]").find("aliases expand to more than 67108864 bytes"), std::string::npos);
}

TEST(YamlLimits, SizeIsBounded) {
  YamlLimits limits;
  limits.max_bytes = 10;
  EXPECT_FALSE(read_yaml("a: 1234567890", "x", true, limits));
}

TEST(YamlText, InvalidUtf8IsPythonsCodecError) {
  EXPECT_EQ(read("a: \xff"),
            "error: 'utf-8' codec can't decode byte 0xff in position 3: invalid start byte");
  EXPECT_EQ(read("\xEF\xBB\xBF"
                 "a: 1"),
            "{'a': 1}");
}

TEST(YamlText, Utf16IsNotGuessed) {
  EXPECT_NE(read(std::string_view("\xff\xfe"
                                  "a\0:\0",
                                  6))
                .find("codec can't decode"),
            std::string::npos);
}

}  // namespace
}  // namespace charter::worker
