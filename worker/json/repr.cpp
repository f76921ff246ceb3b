#include <algorithm>
#include <utility>

#include "ipc/python_float.h"
#include "worker/json/keys.h"
#include "worker/json/python.h"
#include "worker/json/spellings.h"
#include "worker/json/unicode.h"
#include "worker/json/value.h"

namespace charter::worker {
namespace {

void append_hex(std::string& out, char32_t point, int width) {
  constexpr char kHex[] = "0123456789abcdef";
  for (int shift = (width - 1) * 4; shift >= 0; shift -= 4) {
    out += kHex[(point >> static_cast<unsigned>(shift)) & 15U];
  }
}

void append_unprintable(std::string& out, char32_t point) {
  if (point == '\n') {
    out += "\\n";
  } else if (point == '\r') {
    out += "\\r";
  } else if (point == '\t') {
    out += "\\t";
  } else if (point < 0x100) {
    append_hex(out += "\\x", point, 2);
  } else if (point < 0x10000) {
    append_hex(out += "\\u", point, 4);
  } else {
    append_hex(out += "\\U", point, 8);
  }
}

std::string repr_array(const Array& items) {
  std::string text = "[";
  for (const Value& item : items) {
    if (text.size() > 1) text += ", ";
    text += repr(item);
  }
  return text + "]";
}

std::string repr_object(const Object& members) {
  std::string text = "{";
  for (const auto& [key, value] : members) {
    if (text.size() > 1) text += ", ";
    text += repr(decode_key(key)) + ": " + repr(value);
  }
  return text + "}";
}

}  // namespace

std::string repr(double number) { return ipc::python_float(number); }

std::string repr(std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const char quote = has_single && text.find('"') == std::string_view::npos ? '"' : '\'';
  return quote + repr_body(text, quote) + quote;
}

std::string repr_body(std::string_view text, char quote) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t point = next_code_point(text, at);
    if (point == static_cast<unsigned char>(quote) || point == '\\') {
      out += '\\';
      out += static_cast<char>(point);
    } else if (is_printable(point)) {
      out.append(text, begin, at - begin);
    } else {
      append_unprintable(out, point);
    }
  }
  return out;
}

std::vector<std::string> spellings(const std::string& text) {
  std::vector<std::string> all{text};
  const auto add = [&all](std::string other) {
    if (std::find(all.begin(), all.end(), other) == all.end()) all.push_back(std::move(other));
  };
  for (const DumpStyle& style : {kPythonDefault, kWire}) {
    const std::string quoted = dump(Value(text), style);
    add(quoted.substr(1, quoted.size() - 2));
  }
  for (const char quote : {'\'', '"'}) add(repr_body(text, quote));
  return all;
}

std::string repr(const std::vector<std::string>& texts) {
  std::string out = "[";
  for (const std::string& text : texts) {
    if (out.size() > 1) out += ", ";
    out += repr(std::string_view(text));
  }
  return out + "]";
}

std::string repr(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::null:
      return "None";
    case Value::Kind::boolean:
      return value.as_bool() ? "True" : "False";
    case Value::Kind::integer:
      return value.as_integer().digits;
    case Value::Kind::real:
      return repr(value.as_real());
    case Value::Kind::string:
      return repr(std::string_view(value.as_string()));
    case Value::Kind::array:
      return repr_array(value.as_array());
    case Value::Kind::object:
      return repr_object(value.as_object());
    case Value::Kind::foreign:
      return value.as_foreign().repr;
  }
  return {};
}

std::string_view type_name(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::null:
      return "NoneType";
    case Value::Kind::boolean:
      return "bool";
    case Value::Kind::integer:
      return "int";
    case Value::Kind::real:
      return "float";
    case Value::Kind::string:
      return "str";
    case Value::Kind::array:
      return "list";
    case Value::Kind::object:
      return "dict";
    case Value::Kind::foreign:
      return value.as_foreign().type;
  }
  return {};
}

}  // namespace charter::worker
