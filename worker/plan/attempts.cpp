#include "worker/plan/attempts.h"

#include <charconv>
#include <limits>

#include "worker/json/python.h"
#include "worker/plan/fields.h"

namespace charter::worker {
namespace {

constexpr long long kMost = std::numeric_limits<long long>::max();

bool is_negative(const Value& number) {
  if (number.kind() == Value::Kind::real) return number.as_real() < 0;
  return number.as_integer().digits.starts_with('-');
}

// A positive number of that many digits, or the largest there is.
long long saturated(std::string_view digits) {
  long long number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc() ? number : kMost;
}

long long unit_seconds(char unit) { return unit == 's' ? 1 : unit == 'm' ? 60 : 3600; }

bool is_duration(std::string_view text) {
  if (text.size() < 2 || text[0] < '1' || text[0] > '9') return false;
  const std::string_view digits = text.substr(0, text.size() - 1);
  return digits.find_first_not_of("0123456789") == std::string_view::npos &&
         std::string_view("smh").find(text.back()) != std::string_view::npos;
}

}  // namespace

std::optional<RetryPolicy> parse_retry(const Value& raw, const std::string& step,
                                       Problems& problems) {
  if (raw.is_null()) return std::nullopt;
  const std::string context = "Step '" + step + "'";
  if (!raw.is_object()) {
    problems.add(context + ": 'retry' must be a mapping");
    return std::nullopt;
  }
  const Object& fields = raw.as_object();
  check_unknown(fields, {"attempts", "delay_seconds"}, context + " retry", problems);
  RetryPolicy policy;
  const Value& attempts = get(fields, "attempts");
  if (attempts.kind() == Value::Kind::integer && !is_negative(attempts) && truthy(attempts)) {
    policy.attempts = saturated(attempts.as_integer().digits);
  } else {
    problems.add(context + ": retry.attempts must be an integer >= 1");
  }
  if (const Value* delay = fields.find("delay_seconds"); delay != nullptr) {
    if (delay->is_number() && !is_negative(*delay)) {
      policy.delay_seconds = *delay;
    } else {
      problems.add(context + ": retry.delay_seconds must be a number >= 0");
    }
  }
  return policy;
}

std::optional<StepTimeout> parse_timeout(const Value& raw, const std::string& context,
                                         Problems& problems) {
  if (raw.is_null()) return std::nullopt;
  if (!raw.is_string()) {
    problems.add(context + " must be a duration string like '30s', '10m', or '2h'");
    return std::nullopt;
  }
  const std::string& label = raw.as_string();
  if (!is_duration(label)) {
    problems.add(context + " must be a positive duration like '30s', '10m', or '2h'");
    return std::nullopt;
  }
  const std::string_view digits = std::string_view(label).substr(0, label.size() - 1);
  const long long amount = saturated(digits);
  const long long unit = unit_seconds(label.back());
  return StepTimeout{amount > kMost / unit ? kMost : amount * unit, label};
}

}  // namespace charter::worker
