#include "worker/json/value.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>

namespace charter::worker {
namespace {

constexpr std::size_t kLinearLimit = 8;  // up to here a scan is faster than hashing
constexpr std::size_t kAbsent = static_cast<std::size_t>(-1);

std::size_t hash_of(std::string_view key) { return std::hash<std::string_view>{}(key); }

// The exact decimal digits of a finite double without a fraction.
std::string exact_digits(double number) {
  char buffer[512];
  const auto [end, error] =
      std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::fixed, 0);
  return error == std::errc() ? std::string(buffer, end) : std::string();
}

// A number's integer digits when it has no fraction, so that 1, 1.0 and True compare equal.
std::optional<std::string> whole_digits(const Value& value) {
  switch (value.kind()) {
    case Value::Kind::boolean:
      return value.as_bool() ? "1" : "0";
    case Value::Kind::integer:
      return value.as_integer().digits;
    case Value::Kind::real: {
      const double number = value.as_real();
      if (!std::isfinite(number) || std::trunc(number) != number) return std::nullopt;
      return number == 0 ? "0" : exact_digits(number);
    }
    default:
      return std::nullopt;
  }
}

bool is_numeric(const Value& value) { return value.is_number() || value.is_bool(); }

bool equal_objects(const Object& left, const Object& right) {
  if (left.size() != right.size()) return false;
  for (const auto& [key, value] : left) {
    const Value* other = right.find(key);
    if (other == nullptr || !(*other == value)) return false;
  }
  return true;
}

}  // namespace

std::size_t Object::size() const { return entries_.size(); }
bool Object::empty() const { return entries_.empty(); }

void Object::build_index() const {
  std::size_t slots = 16;
  while (slots < entries_.size() * 2 + 2) slots *= 2;
  index_.assign(slots, 0);
  for (std::size_t place = 0; place < entries_.size(); ++place) {
    std::size_t slot = hash_of(entries_[place].first) & (slots - 1);
    while (index_[slot] != 0) slot = (slot + 1) & (slots - 1);
    index_[slot] = place + 1;
  }
}

std::size_t Object::locate(std::string_view key) const {
  if (entries_.size() <= kLinearLimit) {
    for (std::size_t place = 0; place < entries_.size(); ++place) {
      if (entries_[place].first == key) return place;
    }
    return kAbsent;
  }
  if (index_.empty()) build_index();
  const std::size_t mask = index_.size() - 1;
  for (std::size_t slot = hash_of(key) & mask; index_[slot] != 0; slot = (slot + 1) & mask) {
    const std::size_t place = index_[slot] - 1;
    if (entries_[place].first == key) return place;
  }
  return kAbsent;
}

const Value* Object::find(std::string_view key) const {
  const std::size_t place = locate(key);
  return place == kAbsent ? nullptr : &entries_[place].second;
}

Value* Object::find(std::string_view key) {
  const std::size_t place = locate(key);
  return place == kAbsent ? nullptr : &entries_[place].second;
}

void Object::set(std::string key, Value value) {
  const std::size_t place = locate(key);
  if (place != kAbsent) {
    entries_[place].second = std::move(value);
    return;
  }
  const std::size_t hash = index_.empty() ? 0 : hash_of(key);
  entries_.emplace_back(std::move(key), std::move(value));
  if (index_.empty()) return;
  if (entries_.size() * 2 > index_.size()) {
    build_index();
    return;
  }
  const std::size_t mask = index_.size() - 1;
  std::size_t slot = hash & mask;
  while (index_[slot] != 0) slot = (slot + 1) & mask;
  index_[slot] = entries_.size();
}

bool Object::erase(std::string_view key) {
  const std::size_t place = locate(key);
  if (place == kAbsent) return false;
  entries_.erase(entries_.begin() + static_cast<std::ptrdiff_t>(place));
  index_.clear();
  return true;
}

Value Value::integer(long long number) { return Value(Integer{std::to_string(number)}); }

std::optional<long long> Value::small_integer() const {
  if (kind() != Kind::integer) return std::nullopt;
  const std::string& digits = as_integer().digits;
  long long number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

bool nests_deeper(const Value& value, std::size_t most) {
  const auto deeper = [most](const Value& inner) { return nests_deeper(inner, most - 1); };
  if (value.is_array()) {
    const Array& items = value.as_array();
    return most == 0 || std::any_of(items.begin(), items.end(), deeper);
  }
  if (!value.is_object()) return false;
  const Object& members = value.as_object();
  return most == 0 || std::any_of(members.begin(), members.end(),
                                  [&](const auto& member) { return deeper(member.second); });
}

bool operator==(const Value& left, const Value& right) {
  if (is_numeric(left) && is_numeric(right)) {
    const auto first = whole_digits(left);
    const auto second = whole_digits(right);
    if (first || second) return first == second;
    return left.as_real() == right.as_real();
  }
  if (left.kind() != right.kind()) return false;
  switch (left.kind()) {
    case Value::Kind::null:
      return true;
    case Value::Kind::string:
      return left.as_string() == right.as_string();
    case Value::Kind::array:
      return left.as_array() == right.as_array();
    case Value::Kind::object:
      return equal_objects(left.as_object(), right.as_object());
    case Value::Kind::foreign:
      return left.as_foreign().type == right.as_foreign().type &&
             left.as_foreign().repr == right.as_foreign().repr;
    default:
      return false;
  }
}

}  // namespace charter::worker
