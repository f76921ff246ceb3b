// The JSON scanner against Boost's strict parser: the same texts are accepted, the spans are JSON
// themselves, and a text that was decoded is quoted and decoded back to itself.
#include "ipc/json_scan.h"

#include <boost/json/basic_parser_impl.hpp>
#include <cstdint>

#include "check.h"

namespace {

using namespace charter::ipc;

// Accepts whatever the grammar has.
struct Ignore {
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);
  using Code = boost::json::error_code;
  using Text = boost::json::string_view;

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code&) { return true; }
  bool on_object_end(std::size_t, Code&) { return true; }
  bool on_array_begin(Code&) { return true; }
  bool on_array_end(std::size_t, Code&) { return true; }
  bool on_key_part(Text, std::size_t, Code&) { return true; }
  bool on_key(Text, std::size_t, Code&) { return true; }
  bool on_string_part(Text, std::size_t, Code&) { return true; }
  bool on_string(Text, std::size_t, Code&) { return true; }
  bool on_number_part(Text, Code&) { return true; }
  bool on_int64(std::int64_t, Text, Code&) { return true; }
  bool on_uint64(std::uint64_t, Text, Code&) { return true; }
  bool on_double(double, Text, Code&) { return true; }
  bool on_bool(bool, Code&) { return true; }
  bool on_null(Code&) { return true; }
  bool on_comment_part(Text, Code&) { return true; }
  bool on_comment(Text, Code&) { return true; }
};

// Whether the text may have half of a surrogate pair, which the grammar has and Boost refuses.
bool has_surrogate(std::string_view text) {
  for (std::size_t at = text.find("\\u"); at != text.npos; at = text.find("\\u", at + 1)) {
    const std::string_view digits = text.substr(at + 2, 2);
    if (digits.starts_with('d') || digits.starts_with('D')) return true;
  }
  return false;
}

void compare_with_boost(std::string_view text, bool accepted) {
  boost::json::parse_options options;
  options.max_depth = JsonLimits{}.max_depth;
  boost::json::basic_parser<Ignore> parser(options);
  boost::json::error_code code;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), code);
  const bool boost_accepts = !code && used == text.size();
  if (boost_accepts == accepted || code == boost::json::error::exponent_overflow) return;
  CHARTER_CHECK(accepted && has_surrogate(text));
}

void check_members(const std::vector<JsonMember>& members, const JsonLimits& limits) {
  for (const JsonMember& member : members) {
    const auto kind = check_json(member.raw, limits);
    CHARTER_CHECK(kind && *kind == member.kind);
    CHARTER_CHECK(find(members, member.key) != nullptr);
    CHARTER_CHECK(json_string(quoted(std::string_view(member.key))) == member.key);
    const auto text = json_string(member.raw);
    CHARTER_CHECK(text.has_value() == (member.kind == JsonKind::string));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  JsonLimits limits;
  limits.python_extras = (bytes[0] & 1) != 0;
  const std::string_view text(reinterpret_cast<const char*>(bytes) + 1, size - 1);

  const auto kind = check_json(text, limits);
  const auto object = scan_object(text, limits);
  const auto array = scan_array(text, limits);
  CHARTER_CHECK(object.has_value() == (kind && *kind == JsonKind::object));
  CHARTER_CHECK(array.has_value() == (kind && *kind == JsonKind::array));
  if (object) check_members(*object, limits);
  if (array) check_members(*array, limits);
  if (!limits.python_extras) compare_with_boost(text, kind.has_value());

  const std::string as_string = quoted(text);
  CHARTER_CHECK(check_json(as_string, {}).has_value());
  CHARTER_CHECK(quoted(std::string_view(*json_string(as_string))) == as_string);
  return 0;
}
