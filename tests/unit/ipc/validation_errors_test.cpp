// Texts about the shape of a document, which must be those of the reference's library.
#include "ipc/validation_errors.h"

#include <gtest/gtest.h>

namespace charter::ipc {
namespace {

TEST(ValidationErrors, AreCountedAndNameTheirPlaces) {
  ValidationErrors errors("StartRunRequest");
  EXPECT_TRUE(errors.empty());
  errors.add("run_id", kWantsString, {"5", "int"});
  EXPECT_EQ(errors.text(),
            "1 validation error for StartRunRequest\nrun_id\n  Input should be a valid string "
            "[type=string_type, input_value=5, input_type=int]\n    For further information visit "
            "https://errors.pydantic.dev/2.14/v/string_type");
  errors.add("", kFieldRequired, {"{}", "dict"});
  EXPECT_EQ(errors.text().substr(0, 40), "2 validation errors for StartRunRequest\n");
  EXPECT_NE(errors.text().find("string_type\n  Field required [type=missing"), std::string::npos);
}

TEST(ValidationErrors, ShowTheEndsOfWhatIsLongAndCutNoCharacter) {
  const std::string fifty(50, 'x');
  EXPECT_EQ(shortened(fifty), fifty);
  EXPECT_EQ(shortened(fifty + "y"), std::string(25, 'x') + "..." + std::string(23, 'x') + "y");
  std::string wide = "'";
  for (int i = 0; i < 60; ++i) wide += "ü";
  wide += "'";
  EXPECT_EQ(shortened(wide), "'üüüüüüüüüüüü...üüüüüüüüüüü'");
}

TEST(ValidationErrors, ShowJsonAsPythonDoes) {
  const std::pair<const char*, const char*> shown[] = {
      {"null", "None"},
      {" true ", "True"},
      {"-0", "0"},
      {"1.50", "1.5"},
      {"1e3", "1000.0"},
      {"1E400", "inf"},
      {"NaN", "nan"},
      {"-Infinity", "-inf"},
      {"1e16", "1e+16"},
      {"0.00001", "1e-05"},
      {"12345678901234567890123", "12345678901234567890123"},
      {R"("it's")", R"("it's")"},
      {R"("it's \"q\"")", R"('it\'s "q"')"},
      {R"("a\n\u0001\\\u007fé")", R"('a\n\x01\\\x7fé')"},
      {"[ ]", "[]"},
      {R"({"a":[1,{"b" : null}],"c":false})", "{'a': [1, {'b': None}], 'c': False}"},
      {R"("\"")", R"('"')"},
  };
  for (const auto& [json, text] : shown) EXPECT_EQ(shown_json(json).text, text) << json;
  EXPECT_EQ(shown_json("{}").type, "dict");
  EXPECT_EQ(shown_json("5").type, "int");
  EXPECT_EQ(shown_json("5e0").type, "float");
  EXPECT_EQ(shown_json("null").type, "NoneType");
}

TEST(ValidationErrors, ShowOnlyTheEndsOfALargeDocument) {
  std::string large = R"({"front": [)";
  for (int i = 0; i < 100'000; ++i) large += "123456,";
  large += R"(0], "back": "end"})";
  EXPECT_EQ(shown_json(large).text, "{'front': [123456, 123456...3456, 0], 'back': 'end'}");
}

}  // namespace
}  // namespace charter::ipc
