#include "ipc/json_scan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace charter::ipc {
namespace {

using ::testing::HasSubstr;

std::string why_not(std::string_view text, const JsonLimits& limits = {}) {
  const auto kind = check_json(text, limits);
  return kind ? "accepted" : kind.error().message();
}

bool accepts(std::string_view text, const JsonLimits& limits = {}) {
  return check_json(text, limits).has_value();
}

TEST(JsonScan, hands_over_members_in_order_as_they_are_written) {
  const auto members =
      scan_object(R"( {"a" : 1.0e+5 ,"b":[1, {"c":[]}],"a":"x\n", "d":{},"e":true,"f":null} )", {});
  ASSERT_TRUE(members) << members.error().message();
  ASSERT_EQ(members->size(), 6U);
  EXPECT_EQ((*members)[0].key, "a");
  EXPECT_EQ((*members)[0].raw, "1.0e+5");
  EXPECT_EQ((*members)[0].kind, JsonKind::number);
  EXPECT_EQ((*members)[1].raw, R"([1, {"c":[]}])");
  EXPECT_EQ((*members)[1].kind, JsonKind::array);
  EXPECT_EQ((*members)[2].raw, R"("x\n")");
  EXPECT_EQ((*members)[2].kind, JsonKind::string);
  EXPECT_EQ((*members)[3].kind, JsonKind::object);
  EXPECT_EQ((*members)[4].kind, JsonKind::boolean);
  EXPECT_EQ((*members)[5].kind, JsonKind::null);
  EXPECT_EQ(find(*members, "a"), &(*members)[2]) << "the last of two wins";
  EXPECT_EQ(find(*members, "z"), nullptr);
}

TEST(JsonScan, hands_over_elements_of_an_array) {
  const auto elements = scan_array("[1 , \"two\",[3]]", {});
  ASSERT_TRUE(elements);
  ASSERT_EQ(elements->size(), 3U);
  EXPECT_EQ((*elements)[0].raw, "1");
  EXPECT_EQ((*elements)[1].raw, "\"two\"");
  EXPECT_EQ((*elements)[2].raw, "[3]");
  EXPECT_TRUE(scan_array("[]", {})->empty());
  EXPECT_FALSE(scan_array("[1,]", {}));
  EXPECT_FALSE(scan_array("{}", {}));
  EXPECT_FALSE(scan_array("[1 2]", {}));
}

TEST(JsonScan, decodes_names) {
  const auto members =
      scan_object("{\"\\u00e9\\\"\":1, \"\xC3\xA9\" : 2 ,\"\\ud83d\\ude00\":3,\"\":4}", {});
  ASSERT_TRUE(members) << members.error().message();
  EXPECT_EQ((*members)[0].key, "\xC3\xA9\"");
  EXPECT_EQ((*members)[1].key, "\xC3\xA9");
  EXPECT_EQ((*members)[2].key, "\xF0\x9F\x98\x80");
  EXPECT_EQ((*members)[3].key, "");
  EXPECT_EQ((*members)[3].raw, "4");
}

TEST(JsonScan, accepts_what_rfc_8259_has) {
  for (const char* text :
       {"0", "-0", "0.5", "-1.25E-3", "1e9", "10", "123456789012345678901234567890", "\"\"",
        R"("\"\\\/\b\f\n\r\t\u0000\uD800")", "[]", "{}", "[[],[[]],{}]", "true", "false", "null",
        " \t\r\n[ 1 , 2 ] \n", R"({"a":{"b":{"c":[1,2,{"d":null}]}}})", "\"\xF4\x8F\xBF\xBF\"",
        "\"\x7F\""}) {
    EXPECT_EQ(why_not(text), "accepted") << text;
  }
}

TEST(JsonScan, refuses_what_rfc_8259_does_not_have) {
  for (const char* text : {"",           " ",
                           "01",         "-",
                           "+1",         ".5",
                           "1.",         "1e",
                           "1e+",        "1.e3",
                           "0x10",       "tru",
                           "nulll",      "True",
                           "NaN",        "Infinity",
                           "'a'",        "\"",
                           "\"a",        "\"\\",
                           "[",          "[1",
                           "[1,",        "[1,]",
                           "[,1]",       "[1 2]",
                           "]",          "{",
                           "{\"a",       "{a:1",
                           "{\"a\"1}",   "{\"a\":}",
                           "{,}",        "{\"a\":1",
                           "{1:2}",      "}",
                           "[}",         "{]",
                           "[{]}",       "1 2",
                           "{} {}",      "\"a\"b",
                           "\\u0041",    "// c\n",
                           "-NaN",       "--1",
                           "1.2.3",      "\"\\x41\"",
                           "\"\\u12\"",  "\"\\u12g4\"",
                           "\"\\\"",     "\"\t\"",
                           "\"\n\"",     "\xEF\xBB\xBF{}",
                           "{\"a\":1,}", "{\"a\":1 \"b\":2}",
                           "-Infinity"}) {
    EXPECT_FALSE(accepts(text)) << text;
  }
  EXPECT_FALSE(accepts(std::string_view("\0", 1)));
  EXPECT_FALSE(accepts(std::string_view("[1]\0", 4)));
  EXPECT_FALSE(accepts(std::string_view("\"a\0b\"", 5)));
  EXPECT_FALSE(accepts(std::string_view("\"\\\0\"", 4)));
}

TEST(JsonScan, refuses_invalid_utf8_wherever_a_string_has_it) {
  for (const char* bytes :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80", "\xF0\x8F\xBF\xBF",
        "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "\xE2\x82", "\xC3", "\xF0\x9F\x98"}) {
    for (const std::size_t before : {0U, 1U, 7U, 8U, 9U, 40U}) {
      const std::string text = "\"" + std::string(before, 'x') + bytes + "\"";
      EXPECT_THAT(why_not(text), HasSubstr("invalid UTF-8 at byte " + std::to_string(before + 1)));
      EXPECT_FALSE(scan_object("{" + text + ":1}", {}));
    }
  }
  EXPECT_FALSE(accepts("[\xC3\xA9]"));
}

TEST(JsonScan, finds_a_special_character_at_every_place_of_a_word) {
  for (std::size_t at = 0; at < 24; ++at) {
    std::string text = "\"" + std::string(24, '~') + "\"";
    text[at + 1] = '\x1F';
    EXPECT_FALSE(accepts(text)) << at;
    text[at + 1] = ' ';
    EXPECT_TRUE(accepts(text)) << at;
    text[at + 1] = '"';
    EXPECT_FALSE(accepts(text)) << at;
  }
}

TEST(JsonScan, says_where_it_failed_and_never_quotes) {
  EXPECT_EQ(why_not("{\"secret\": hunter2}"), "not JSON: expected a value at byte 11");
  EXPECT_EQ(why_not("[1,2"), "not JSON: the text ends too early at byte 4");
  EXPECT_EQ(why_not("[] x"), "not JSON: something follows the value at byte 3");
  EXPECT_EQ(scan_object("[1]", {}).error().message(), "not JSON: expected an object at byte 0");
}

TEST(JsonScan, refuses_two_hundred_thousand_brackets_without_recursion) {
  for (const char* bracket : {"[", "{\"a\":", "[[],"}) {
    std::string text;
    for (int i = 0; i < 200'000; ++i) text += bracket;
    EXPECT_THAT(why_not(text), HasSubstr("nested more than 200 deep at byte"));
    EXPECT_FALSE(scan_object("{\"x\":" + text, {}));
    JsonLimits deep;
    deep.max_depth = 1'000'000;
    EXPECT_THAT(why_not(text, deep), HasSubstr("the text ends too early"));
  }
}

TEST(JsonScan, counts_depth_alike_at_every_entry) {
  JsonLimits limits;
  limits.max_depth = 3;
  EXPECT_TRUE(check_json("[[[1]]]", limits));
  EXPECT_FALSE(check_json("[[[[]]]]", limits));
  EXPECT_TRUE(scan_array("[[[1]]]", limits));
  EXPECT_FALSE(scan_array("[[[[]]]]", limits));
  EXPECT_TRUE(scan_object(R"({"a":{"b":{}}})", limits));
  EXPECT_FALSE(scan_object(R"({"a":{"b":{"c":{}}}})", limits));
  limits.max_depth = 0;
  EXPECT_TRUE(check_json("1", limits));
  EXPECT_FALSE(check_json("[]", limits));
  EXPECT_FALSE(scan_array("[]", limits));
}

TEST(JsonScan, refuses_a_text_over_the_limit_before_it_reads_it) {
  JsonLimits limits;
  limits.max_bytes = 8;
  EXPECT_TRUE(accepts("[1,2,33]", limits));
  EXPECT_THAT(why_not("[1,2,333]", limits), HasSubstr("more than 8 bytes"));
  EXPECT_FALSE(scan_object("{\"a\":1234}", limits));
}

TEST(JsonScan, refuses_more_members_than_wanted_where_it_splits) {
  JsonLimits limits;
  limits.max_members = 2;
  EXPECT_TRUE(scan_object(R"({"a":[1,2,3],"b":{"c":1,"d":2,"e":3}})", limits));
  EXPECT_TRUE(scan_array("[1,2]", limits));
  EXPECT_TRUE(check_json("[1,2,3]", limits));
  EXPECT_EQ(scan_object(R"({"a":1,"b":2,"c":3})", limits).error().message(),
            "not JSON: more than 2 members at byte 13");
  EXPECT_EQ(scan_array("[1,2,3]", limits).error().message(),
            "not JSON: more than 2 members at byte 5");
}

TEST(JsonScan, reads_pythons_extras_when_told_to) {
  JsonLimits python;
  python.python_extras = true;
  EXPECT_EQ(why_not("\xEF\xBB\xBF {\"a\":[NaN,Infinity,-Infinity,-1]}", python), "accepted");
  EXPECT_EQ(*check_json("-Infinity", python), JsonKind::number);
  EXPECT_EQ(*check_json("NaN", python), JsonKind::number);
  EXPECT_FALSE(accepts("nan", python));
  EXPECT_FALSE(accepts("-NaN", python));
  EXPECT_FALSE(accepts("Infinit", python));
  EXPECT_FALSE(accepts("\xEF\xBB\xBF", python));
  EXPECT_FALSE(accepts("[\xEF\xBB\xBF]", python));
}

TEST(JsonString, decodes_a_span) {
  EXPECT_EQ(json_string(R"("a\u00e9\n\/\ud83d\ude00")"), "a\xC3\xA9\n/\xF0\x9F\x98\x80");
  EXPECT_EQ(json_string(R"("\u0000")"), std::string(1, '\0'));
  EXPECT_EQ(json_string(R"("\b\f\r\t\"\\")"), "\b\f\r\t\"\\");
  EXPECT_EQ(json_string("\"\""), "");
}

TEST(JsonString, replaces_lone_surrogates) {
  EXPECT_EQ(json_string(R"("\ud800")"), "\xEF\xBF\xBD");
  EXPECT_EQ(json_string(R"("\udc00x")"), "\xEF\xBF\xBDx");
  EXPECT_EQ(json_string(R"("\ud800\u0041")"),
            "\xEF\xBF\xBD"
            "A");
  EXPECT_EQ(json_string(R"("\ud800\ud83d\ude00")"), "\xEF\xBF\xBD\xF0\x9F\x98\x80");
  EXPECT_EQ(json_string(R"("\ud800\n")"), "\xEF\xBF\xBD\n");
}

TEST(JsonString, is_nothing_for_any_other_text) {
  for (const char* raw :
       {"", "1", "null", "\"", "\"a", "\"a\" ", " \"a\"", "\"\\u12\"", "\"a\"b\""}) {
    EXPECT_EQ(json_string(raw), std::nullopt) << raw;
  }
}

TEST(Quoted, is_read_back_as_the_same_text) {
  std::string every;
  for (int byte = 0; byte < 128; ++byte) every += static_cast<char>(byte);
  every += "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";
  const std::string text = ipc::quoted(every);
  EXPECT_EQ(why_not(text), "accepted");
  EXPECT_EQ(json_string(text), every);
  EXPECT_THAT(text, HasSubstr("\xE2\x82\xAC"));
  EXPECT_EQ(ipc::quoted("a\"b\n"), R"("a\"b\n")");
}

TEST(Quoted, replaces_invalid_utf8_as_python_does) {
  EXPECT_EQ(ipc::quoted("a\xFFz"), "\"a\xEF\xBF\xBDz\"");
  EXPECT_EQ(ipc::quoted("\xE2\x82"), "\"\xEF\xBF\xBD\"");
  EXPECT_EQ(ipc::quoted("\xE2\x82z"), "\"\xEF\xBF\xBDz\"");
  EXPECT_EQ(ipc::quoted("\xED\xA0\x80"), "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
  EXPECT_EQ(ipc::quoted("\xF0\x9F\x98"), "\"\xEF\xBF\xBD\"");
}

}  // namespace
}  // namespace charter::ipc
