#include "worker/json/keys.h"

#include <algorithm>
#include <cmath>

#include "worker/json/python.h"

namespace charter::worker {
namespace {

constexpr char kMark = '\xff';
constexpr char kSeparator = '\0';

// Kinds that `<` compares with one another; foreign ones only with their own type.
std::string order_class(const Value& key) {
  if (key.is_number() || key.is_bool()) return "number";
  return std::string(type_name(key));
}

// A type as the interpreter's own errors name it.
std::string full_type_name(const Value& key) {
  const std::string name(type_name(key));
  return name.starts_with("date") ? "datetime." + name : name;
}

std::optional<std::string> comparison_fault(const Value& left, const Value& right) {
  const std::string first = order_class(left);
  if (first == order_class(right) && first != "NoneType") return std::nullopt;
  return "'<' not supported between instances of '" + full_type_name(left) + "' and '" +
         full_type_name(right) + "'";
}

double as_double(const Value& key) {
  if (key.is_bool()) return key.as_bool() ? 1 : 0;
  if (key.kind() == Value::Kind::real) return key.as_real();
  return std::strtod(key.as_integer().digits.c_str(), nullptr);
}

bool less(const Value& left, const Value& right) {
  if (left.is_string()) return left.as_string() < right.as_string();
  if (left.kind() == Value::Kind::foreign) return left.as_foreign().text < right.as_foreign().text;
  return as_double(left) < as_double(right);
}

// Each key with its decoded form, so that they sort by that.
SortedKeys sort_mixed(const Object& object) {
  std::vector<std::pair<Value, std::string_view>> keys;
  keys.reserve(object.size());
  SortedKeys sorted;
  for (const auto& member : object) {
    keys.emplace_back(decode_key(member.first), member.first);
    if (keys.size() < 2) continue;
    // All before are comparable with one another, so this is where sorting would trip.
    sorted.fault = comparison_fault(keys.back().first, keys[keys.size() - 2].first);
    if (sorted.fault) return sorted;
  }
  std::stable_sort(keys.begin(), keys.end(), [](const auto& left, const auto& right) {
    return less(left.first, right.first);
  });
  for (const auto& key : keys) sorted.keys.push_back(key.second);
  return sorted;
}

// What else a number may be written as and still be the same key.
std::vector<Value> other_forms(const Value& key) {
  constexpr double kExact = 9007199254740992.0;  // whole numbers below have one form as a double
  const double number = as_double(key);
  if (!(std::fabs(number) < kExact)) return {};
  std::vector<Value> forms;
  forms.push_back(Value::integer(static_cast<long long>(number)));
  forms.emplace_back(number);
  forms.emplace_back(-number);
  forms.emplace_back(number != 0);
  return forms;
}

}  // namespace

std::string encode_key(const Value& scalar) {
  if (scalar.is_string()) return scalar.as_string();
  std::string key(1, kMark);
  switch (scalar.kind()) {
    case Value::Kind::null:
      return key + "n";
    case Value::Kind::boolean:
      return key + (scalar.as_bool() ? "b1" : "b0");
    case Value::Kind::integer:
      return key + "i" + scalar.as_integer().digits;
    case Value::Kind::real:
      return key + "f" + repr(scalar.as_real());
    default: {
      const Foreign& foreign = scalar.as_foreign();
      return key + "x" + foreign.type + kSeparator + foreign.repr + kSeparator + foreign.text;
    }
  }
}

Value decode_key(std::string_view key) {
  if (is_text_key(key)) return Value(key);
  const std::string rest(key.substr(2));
  switch (key[1]) {
    case 'n':
      return {};
    case 'b':
      return Value(rest == "1");
    case 'i':
      return Value(Integer{rest});
    case 'f':
      return Value(std::strtod(rest.c_str(), nullptr));
    default: {
      const std::size_t first = rest.find(kSeparator);
      const std::size_t second = rest.find(kSeparator, first + 1);
      return Value(Foreign{rest.substr(0, first), rest.substr(first + 1, second - first - 1),
                           rest.substr(second + 1)});
    }
  }
}

bool is_text_key(std::string_view key) { return key.empty() || key[0] != kMark; }

std::string key_text(std::string_view key) {
  return is_text_key(key) ? std::string(key) : str(decode_key(key));
}

std::optional<std::string> json_key(std::string_view key) {
  const Value scalar = decode_key(key);
  if (scalar.is_string()) return scalar.as_string();
  if (scalar.kind() == Value::Kind::foreign) return std::nullopt;
  return dump(scalar);
}

void set_scalar_key(Object& object, const Value& key, Value value) {
  if (key.is_number() || key.is_bool()) {
    for (const Value& form : other_forms(key)) {
      const std::string encoded = encode_key(form);
      if (form == key && object.find(encoded) != nullptr) {
        object.set(encoded, std::move(value));
        return;
      }
    }
  }
  object.set(encode_key(key), std::move(value));
}

SortedKeys sorted_keys(const Object& object) {
  SortedKeys sorted;
  for (const auto& member : object) {
    if (!is_text_key(member.first)) return sort_mixed(object);
    sorted.keys.push_back(member.first);
  }
  std::sort(sorted.keys.begin(), sorted.keys.end());
  return sorted;
}

}  // namespace charter::worker
