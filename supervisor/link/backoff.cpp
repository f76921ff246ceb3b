#include "supervisor/link/backoff.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

namespace charter::supervisor {
namespace {

using std::chrono::milliseconds;

// A delay of zero is allowed by the options, but a loop without any pause serves nobody.
constexpr milliseconds kShortestRange{20};
constexpr std::uint32_t kMostDoublings = 20;

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

// "Sun, 06 Nov 1994 08:49:37 GMT", the one form senders may produce today.
std::optional<std::chrono::sys_seconds> http_date(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (text.size() != 29 || text.substr(26) != "GMT") return std::nullopt;
  const auto day = number(text.substr(5, 2));
  const auto year = number(text.substr(12, 4));
  const auto hour = number(text.substr(17, 2));
  const auto minute = number(text.substr(20, 2));
  const auto second = number(text.substr(23, 2));
  const auto month = std::find(kMonths.begin(), kMonths.end(), text.substr(8, 3));
  if (!day || !year || !hour || !minute || !second || month == kMonths.end()) return std::nullopt;
  const std::chrono::year_month_day date{
      std::chrono::year{*year},
      std::chrono::month{static_cast<unsigned>(month - kMonths.begin()) + 1},
      std::chrono::day{static_cast<unsigned>(*day)}};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days{date} + std::chrono::hours{*hour} + std::chrono::minutes{*minute} +
         std::chrono::seconds{*second};
}

}  // namespace

Backoff::Backoff(Milliseconds reconnect_delay, std::uint64_t seed)
    : first_range_(std::clamp(2 * reconnect_delay, kShortestRange, kLongestWait)), random_(seed) {}

Backoff::Milliseconds Backoff::range(Clock::time_point now) {
  if (!down_since_) down_since_ = now;
  const auto lasted = std::chrono::duration_cast<Milliseconds>(now - *down_since_);
  const Milliseconds doubled = first_range_ * (1LL << std::min(failures_, kMostDoublings));
  ++failures_;
  return std::min({doubled, lasted + 2 * first_range_, kLongestWait});
}

Backoff::Milliseconds Backoff::between(Milliseconds low, Milliseconds high) {
  std::uniform_int_distribution<std::int64_t> wait(low.count(), high.count());
  return Milliseconds(wait(random_));
}

Backoff::Milliseconds Backoff::next(Clock::time_point now) {
  return between(Milliseconds(0), range(now));
}

Backoff::Milliseconds Backoff::next_after_refusal(Clock::time_point now) {
  const Milliseconds high = range(now);
  return between(high / 2, high);
}

Backoff::Milliseconds Backoff::next_after(Milliseconds retry_after, Clock::time_point now) {
  // The jitter goes on top, or all who were told the same would come in the same instant.
  const Milliseconds asked = std::clamp(retry_after, Milliseconds(0), kLongestRetryAfter);
  const Milliseconds high = range(now);
  return asked + between(std::max(Milliseconds(0), high / 2 - asked), high);
}

void Backoff::progress() {
  failures_ = 0;
  down_since_.reset();
}

std::optional<milliseconds> parse_retry_after(std::string_view value,
                                              std::chrono::system_clock::time_point now) {
  while (!value.empty() && value.front() == ' ') value.remove_prefix(1);
  while (!value.empty() && value.back() == ' ') value.remove_suffix(1);
  if (const auto seconds = number(value)) return std::chrono::seconds(*seconds);
  const bool digits = value.find_first_not_of("0123456789") == std::string_view::npos;
  if (digits && !value.empty()) return Backoff::kLongestRetryAfter;  // more than a number holds
  const auto date = http_date(value);
  if (!date) return std::nullopt;
  // In whole seconds: the clock's own unit cannot hold every date.
  const auto wait = *date - std::chrono::floor<std::chrono::seconds>(now);
  return std::max(milliseconds(0), milliseconds(wait));
}

}  // namespace charter::supervisor
