// JSON values in Python's forms.
#include "worker/json/value.h"

#include <gtest/gtest.h>

#include <cmath>
#include <ctime>
#include <limits>

#include "worker/json/keys.h"
#include "worker/json/python.h"
#include "worker/json/unicode.h"

namespace charter::worker {
namespace {

// Processor time, so that a busy machine does not count.
constexpr std::clock_t kQuickly = 20 * CLOCKS_PER_SEC;

std::string again(std::string_view json, const DumpStyle& style = kPythonDefault) {
  const auto value = parse_json(json);
  return value ? dump(*value, style) : value.error().what;
}

TEST(JsonValue, IntegersKeepEveryDigit) {
  const std::string digits = "-123456789012345678901234567890";
  EXPECT_EQ(again(digits), digits);
  EXPECT_EQ(again("-0"), "0");
  EXPECT_EQ(Value::integer(-7).small_integer(), -7);
  EXPECT_FALSE(Value(Integer{digits}).small_integer());
}

TEST(JsonValue, FloatsAreWrittenAsPythonWritesThem) {
  EXPECT_EQ(repr(1.0), "1.0");
  EXPECT_EQ(repr(1e16), "1e+16");
  EXPECT_EQ(repr(1e15), "1000000000000000.0");
  EXPECT_EQ(repr(0.0001), "0.0001");
  EXPECT_EQ(repr(0.00001), "1e-05");
  EXPECT_EQ(repr(-0.0), "-0.0");
  EXPECT_EQ(repr(5e-324), "5e-324");
  EXPECT_EQ(repr(1.7976931348623157e308), "1.7976931348623157e+308");
  EXPECT_EQ(repr(123456.789), "123456.789");
}

TEST(JsonValue, NumbersOutOfRangeBecomeInfinite) {
  EXPECT_EQ(again("[1E400,-1E400,1e-400]"), "[Infinity, -Infinity, 0.0]");
  EXPECT_EQ(again("[NaN,Infinity,-Infinity]", kWire), "[null,null,null]");
}

TEST(JsonValue, LastDuplicateKeyWinsInTheFirstOnesPlace) {
  EXPECT_EQ(again(R"({"a":1,"b":2,"a":3})"), R"({"a": 3, "b": 2})");
}

TEST(JsonValue, EscapesWhatPythonEscapes) {
  EXPECT_EQ(again("\"\\u00e9\\ud83d\\ude00\\u007f\\/\\b\\u0001\""),
            "\"\\u00e9\\ud83d\\ude00\\u007f/\\b\\u0001\"");
  EXPECT_EQ(again("\"\\u00e9\\ud83d\\ude00\"", kWire), "\"é😀\"");
}

TEST(JsonValue, LoneSurrogateSurvivesInAsciiAndIsReplacedOnTheWire) {
  EXPECT_EQ(again(R"("\ud83dx")"), R"("\ud83dx")");
  EXPECT_EQ(again(R"("\ud83dx")", kWire), "\"\xEF\xBF\xBDx\"");
}

TEST(JsonValue, RefusesWhatPythonRefuses) {
  for (const char* text : {"", "01", "1.", ".5", "+1", "1_0", "[1,]", "{1:2}", "'a'", "nan", "-NaN",
                           "\"\t\"", "\"\\x\"", "\"\\u12\"", "\"a", "1 2",
                           "\xEF\xBB\xBF"
                           "1"}) {
    EXPECT_FALSE(parse_json(text)) << text;
  }
}

TEST(JsonValue, RefusesInvalidUtf8WithoutQuotingIt) {
  const auto value = parse_json("\"secret\xff\"");
  ASSERT_FALSE(value);
  EXPECT_EQ(value.error().what.find("secret"), std::string::npos);
}

TEST(JsonValue, NestingIsBounded) {
  EXPECT_TRUE(parse_json(std::string(900, '[') + std::string(900, ']')));
  EXPECT_FALSE(parse_json(std::string(901, '[') + std::string(901, ']')));
  EXPECT_FALSE(parse_json(std::string(200'000, '[')));
  const auto kept = parse_json(std::string(901, '[') + std::string(901, ']'), kKeptNesting);
  ASSERT_TRUE(kept);
  EXPECT_TRUE(nests_deeper(*kept, 900));
  EXPECT_FALSE(nests_deeper(*kept, 901));
  EXPECT_FALSE(nests_deeper(Value("[[[["), 0));
}

TEST(JsonValue, StateFileStyleIndentsAndKeepsEmptyOnesShort) {
  EXPECT_EQ(again(R"({"a":[1,{}],"b":[]})", kStateFile),
            "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}");
}

TEST(JsonValue, AuditStyleSortsByCodePoint) {
  EXPECT_EQ(again(R"({"b":1,"é":2,"a":3})", kAudit), R"({"a":3,"b":1,"\u00e9":2})");
}

TEST(JsonValue, ComparesAsPythonDoes) {
  EXPECT_EQ(Value(true), Value::integer(1));
  EXPECT_EQ(Value(1.0), Value::integer(1));
  EXPECT_EQ(Value(1e22), Value(Integer{"10000000000000000000000"}));
  EXPECT_FALSE(Value(std::nan("")) == Value(std::nan("")));
  EXPECT_FALSE(Value("1") == Value::integer(1));
  EXPECT_EQ(*parse_json(R"({"a":1,"b":2})"), *parse_json(R"({"b":2.0,"a":true})"));
}

TEST(JsonValue, ReprIsPythons) {
  EXPECT_EQ(repr(*parse_json(R"([null,true,1.5,"a'b","a\"b'","\n\u00a0\u2028é"])")),
            "[None, True, 1.5, \"a'b\", 'a\"b\\'', '\\n\\xa0\\u2028é']");
  EXPECT_EQ(repr(*parse_json(R"({"a":{}})")), "{'a': {}}");
}

TEST(JsonValue, BigObjectsAreFilledAndSearchedInLinearTime) {
  constexpr int kMembers = 200'000;
  const std::clock_t begin = std::clock();
  Object object;
  for (int i = 0; i < kMembers; ++i) object.set(std::to_string(i), Value::integer(i));
  for (int i = 0; i < kMembers; ++i) {
    ASSERT_EQ(object.find(std::to_string(i))->small_integer(), i);
  }
  // A quadratic search would take minutes.
  EXPECT_LT(std::clock() - begin, kQuickly);
}

TEST(JsonValue, ErasedMembersAreGoneAndTheOthersFound) {
  Object object;
  for (int i = 0; i < 100; ++i) object.set(std::to_string(i), Value::integer(i));
  EXPECT_TRUE(object.erase("50"));
  EXPECT_FALSE(object.erase("50"));
  EXPECT_EQ(object.find("50"), nullptr);
  EXPECT_EQ(object.find("99")->small_integer(), 99);
  EXPECT_EQ(object.size(), 99U);
}

TEST(JsonKeys, NumbersThatAreEqualAreOneKey) {
  Object object;
  set_scalar_key(object, Value::integer(1), Value("a"));
  set_scalar_key(object, Value(1.0), Value("b"));
  set_scalar_key(object, Value(true), Value("c"));
  set_scalar_key(object, Value("1"), Value("d"));
  EXPECT_EQ(repr(Value(object)), "{1: 'c', '1': 'd'}");
  EXPECT_EQ(dump(Value(object)), R"({"1": "c", "1": "d"})");
}

TEST(JsonKeys, AreWrittenAsJsonWritesThem) {
  Object object;
  set_scalar_key(object, Value(), Value::integer(1));
  set_scalar_key(object, Value(false), Value::integer(2));
  set_scalar_key(object, Value(1.5), Value::integer(3));
  EXPECT_EQ(dump(Value(object)), R"({"null": 1, "false": 2, "1.5": 3})");
  set_scalar_key(object, Value(Foreign{"date", "datetime.date(2024, 1, 2)", "2024-01-02"}),
                 Value());
  EXPECT_EQ(json_fault(Value(object)), "keys must be str, int, float, bool or None, not date");
}

TEST(JsonKeys, OfDifferentKindsCannotBeSorted) {
  Object object;
  object.set("a", Value());
  set_scalar_key(object, Value::integer(5), Value());
  EXPECT_EQ(sorted_keys(object).fault, "'<' not supported between instances of 'int' and 'str'");
}

TEST(JsonKeys, HundredsOfThousandsOfNumbersAreSortedInTime) {
  Object object;
  for (int i = 300'000; i > 0; --i) set_scalar_key(object, Value::integer(i), Value());
  const std::clock_t begin = std::clock();
  EXPECT_EQ(key_text(sorted_keys(object).keys.front()), "1");
  // A quadratic sort would take minutes.
  EXPECT_LT(std::clock() - begin, kQuickly);
}

TEST(JsonFault, NamesWhatJsonCannotHold) {
  const Value date(Foreign{"date", "datetime.date(2024, 1, 2)", "2024-01-02"});
  EXPECT_EQ(json_fault(date), "Object of type date is not JSON serializable");
  const Value infinite(std::numeric_limits<double>::infinity());
  EXPECT_FALSE(json_fault(infinite));
  EXPECT_EQ(json_fault(infinite, true), "Out of range float values are not JSON compliant");
}

TEST(Unicode, Utf8FaultsArePythons) {
  EXPECT_EQ(utf8_fault("aé😀"), "");
  EXPECT_EQ(utf8_fault("ab\xff"),
            "'utf-8' codec can't decode byte 0xff in position 2: invalid start byte");
  EXPECT_EQ(utf8_fault("\xe2\x82"),
            "'utf-8' codec can't decode bytes in position 0-1: unexpected end of data");
  EXPECT_EQ(utf8_fault("\xed\xa0\x80"),
            "'utf-8' codec can't decode byte 0xed in position 0: invalid continuation byte");
}

TEST(Unicode, StripsEveryWhitespace) {
  EXPECT_EQ(strip("\u2003 a b\u00a0\n"), "a b");
  EXPECT_EQ(strip(" \t"), "");
}

TEST(Unicode, ClassesAreUnicodes) {
  EXPECT_TRUE(is_word(U'é'));
  EXPECT_TRUE(is_word(U'_'));
  EXPECT_FALSE(is_word(U'-'));
  EXPECT_EQ(decimal_digit(U'٣'), 3);
  EXPECT_EQ(decimal_digit(U'x'), -1);
}

}  // namespace
}  // namespace charter::worker
