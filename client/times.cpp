#include "client/times.h"

#include <chrono>

#include "client/event_view.h"
#include "client/text.h"
#include "ipc/journal.h"

namespace charter::client {
namespace {

namespace chr = std::chrono;

constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;
constexpr std::int64_t kSkew = 2 * kSecond;  // between clocks that agree

std::string number(std::int64_t value, std::string_view unit) {
  return std::to_string(value) + " " + std::string(unit) + " ago";
}

}  // namespace

std::int64_t wall_ms() {
  return chr::duration_cast<chr::milliseconds>(chr::system_clock::now().time_since_epoch()).count();
}

std::optional<std::int64_t> read_wire_time(std::string_view text) {
  const auto us = ipc::read_wire_time(text);
  if (!us) return std::nullopt;
  return chr::floor<chr::milliseconds>(chr::microseconds(*us)).count();
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
