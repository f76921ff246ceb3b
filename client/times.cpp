#include "client/times.h"

#include <array>
#include <charconv>
#include <chrono>

#include "client/event_view.h"
#include "client/text.h"

namespace charter::client {
namespace {

namespace chr = std::chrono;

constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kSkew = 2 * kSecond;  // between clocks that agree

// Takes `digits` digits and then `behind`, if it is not 0, off the front.
std::optional<int> take(std::string_view& text, std::size_t digits, char behind) {
  int number = 0;
  if (text.size() < digits) return std::nullopt;
  const char* end = text.data() + digits;
  if (const auto read = std::from_chars(text.data(), end, number); read.ptr != end || number < 0) {
    return std::nullopt;
  }
  text.remove_prefix(digits);
  if (behind == 0) return number;
  if (!text.starts_with(behind)) return std::nullopt;
  text.remove_prefix(1);
  return number;
}

// What follows the seconds: nothing, a fraction, a zone, which must be UTC.
bool take_rest(std::string_view text, std::int64_t& ms) {
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    std::int64_t unit = 100;
    std::size_t digits = 0;
    for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
      ms += (text[digits] - '0') * unit;
      unit /= 10;
    }
    if (digits == 0) return false;
    text.remove_prefix(digits);
  }
  return text.empty() || text == "Z" || text == "+00:00";
}

std::string number(std::int64_t value, std::string_view unit) {
  return std::to_string(value) + " " + std::string(unit) + " ago";
}

}  // namespace

std::int64_t wall_ms() {
  return chr::duration_cast<chr::milliseconds>(chr::system_clock::now().time_since_epoch()).count();
}

std::optional<std::int64_t> read_wire_time(std::string_view text) {
  const auto year = take(text, 4, '-');
  const auto month = year ? take(text, 2, '-') : std::nullopt;
  const auto day = month ? take(text, 2, 0) : std::nullopt;
  if (!day) return std::nullopt;
  const chr::year_month_day date{chr::year(*year), chr::month(static_cast<unsigned>(*month)),
                                 chr::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  std::int64_t ms = chr::sys_days(date).time_since_epoch().count() * kDay;
  if (text.empty()) return ms;
  if (!text.starts_with('T') && !text.starts_with(' ')) return std::nullopt;
  text.remove_prefix(1);
  const auto hour = take(text, 2, ':');
  const auto minute = hour ? take(text, 2, ':') : std::nullopt;
  const auto second = minute ? take(text, 2, 0) : std::nullopt;
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  ms += *hour * kHour + *minute * kMinute + *second * kSecond;
  if (!take_rest(text, ms)) return std::nullopt;
  return ms;
}

std::string ago(std::string_view wire_time, std::int64_t now_ms) {
  const auto then = read_wire_time(wire_time);
  if (!then) return printable(wire_time);
  const std::int64_t passed = now_ms - *then;
  if (passed < -kSkew) return short_time(wire_time);
  if (passed < kSecond) return "just now";
  if (passed < kMinute) return number(passed / kSecond, "s");
  if (passed < kHour) return number(passed / kMinute, "min");
  if (passed < 2 * kDay) return number(passed / kHour, "h");
  if (passed <= 30 * kDay) return number(passed / kDay, "d");
  return printable(wire_time.substr(0, 10));
}

}  // namespace charter::client
