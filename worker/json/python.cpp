#include "worker/json/python.h"

#include "worker/json/unicode.h"

namespace charter::worker {

std::string str(const Value& value) {
  if (value.is_string()) return value.as_string();
  if (value.kind() == Value::Kind::foreign) return value.as_foreign().text;
  return repr(value);
}

bool truthy(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::null:
      return false;
    case Value::Kind::boolean:
      return value.as_bool();
    case Value::Kind::integer:
      return value.as_integer().digits != "0";
    case Value::Kind::real:
      return value.as_real() != 0;
    case Value::Kind::string:
      return !value.as_string().empty();
    case Value::Kind::array:
      return !value.as_array().empty();
    case Value::Kind::object:
      return !value.as_object().empty();
    case Value::Kind::foreign:
      return value.as_foreign().repr != "set()" && value.as_foreign().repr != "b''";
  }
  return false;
}

std::string type_fault(const Value& value, std::string_view complaint) {
  return std::string("'").append(type_name(value)).append("' object ").append(complaint);
}

bool is_hashable(const Value& value) {
  if (value.kind() == Value::Kind::foreign) return value.as_foreign().type != "set";
  return !value.is_array() && !value.is_object();
}

const Value& get(const Object& object, std::string_view key) {
  static const Value kNull;
  const Value* value = object.find(key);
  return value == nullptr ? kNull : *value;
}

bool is_filled_text(const Value& value) { return value.is_string() && !value.as_string().empty(); }

bool is_visible_text(const Value& value) {
  return value.is_string() && !strip(value.as_string()).empty();
}

}  // namespace charter::worker
