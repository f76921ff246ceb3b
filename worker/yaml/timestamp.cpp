#include <array>
#include <cstdio>

#include "worker/json/python.h"
#include "worker/yaml/scalar.h"

namespace charter::worker {
namespace {

struct Zone {
  bool present = false;
  int minutes = 0;  // east of UTC
};

struct Timestamp {
  int year = 0;
  int month = 0;
  int day = 0;
  bool has_time = false;
  int hour = 0;
  int minute = 0;
  int second = 0;
  int microsecond = 0;
  Zone zone;
};

// Reads the parts from left to right; `bad` once something is not as it must be.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  bool bad = false;

  [[nodiscard]] bool done() const { return at_ >= text_.size(); }
  [[nodiscard]] char peek() const { return done() ? '\0' : text_[at_]; }
  int number(std::size_t least, std::size_t most) {
    int value = 0;
    std::size_t count = 0;
    for (; count < most && peek() >= '0' && peek() <= '9'; ++count) {
      value = value * 10 + (text_[at_++] - '0');
    }
    bad = bad || count < least;
    return value;
  }
  void expect(char letter) {
    if (!accept(letter)) bad = true;
  }
  bool accept(char letter) {
    if (peek() != letter || done()) return false;
    ++at_;
    return true;
  }
  std::size_t blanks() {
    const std::size_t begin = at_;
    while (peek() == ' ' || peek() == '\t') ++at_;
    return at_ - begin;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

int read_fraction(Scanner& in) {
  int value = 0;
  int count = 0;
  for (; in.peek() >= '0' && in.peek() <= '9'; ++count) {
    const int digit = in.number(1, 1);
    if (count < 6) value = value * 10 + digit;
  }
  for (; count < 6; ++count) value *= 10;
  return value;
}

Zone read_zone(Scanner& in) {
  Zone zone;
  in.blanks();
  if (in.done()) return zone;
  zone.present = true;
  if (in.accept('Z')) return zone;
  const bool west = in.peek() == '-';
  if (!in.accept('-')) in.expect('+');
  zone.minutes = in.number(1, 2) * 60;
  if (in.accept(':')) zone.minutes += in.number(2, 2);
  if (west) zone.minutes = -zone.minutes;
  return zone;
}

bool read_timestamp(std::string_view text, Timestamp& out) {
  Scanner in(text);
  out.year = in.number(4, 4);
  in.expect('-');
  out.month = in.number(1, 2);
  in.expect('-');
  out.day = in.number(1, 2);
  if (in.bad || in.done()) return !in.bad;
  out.has_time = true;
  if (!in.accept('T') && !in.accept('t') && in.blanks() == 0) return false;
  out.hour = in.number(1, 2);
  in.expect(':');
  out.minute = in.number(2, 2);
  in.expect(':');
  out.second = in.number(2, 2);
  if (in.accept('.')) out.microsecond = read_fraction(in);
  out.zone = read_zone(in);
  return !in.bad && in.done();
}

int days_in(int year, int month) {
  constexpr std::array<int, 12> kDays = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : kDays[static_cast<std::size_t>(month - 1)];
}

// What datetime says of parts out of range; empty when all are within.
std::string range_fault(const Timestamp& time) {
  if (time.zone.minutes <= -24 * 60 || time.zone.minutes >= 24 * 60) {
    return "offset must be a timedelta strictly between -timedelta(hours=24) and "
           "timedelta(hours=24)";
  }
  if (time.year < 1) return "year " + std::to_string(time.year) + " is out of range";
  if (time.month < 1 || time.month > 12) return "month must be in 1..12";
  if (time.day < 1 || time.day > days_in(time.year, time.month)) {
    return "day is out of range for month";
  }
  if (time.hour > 23) return "hour must be in 0..23";
  if (time.minute > 59) return "minute must be in 0..59";
  if (time.second > 59) return "second must be in 0..59";
  return {};
}

template <class... Numbers>
std::string print(const char* format, Numbers... numbers) {
  std::array<char, 96> buffer{};
  std::snprintf(buffer.data(), buffer.size(), format, numbers...);
  return buffer.data();
}

std::string zone_repr(const Zone& zone) {
  if (!zone.present) return {};
  if (zone.minutes == 0) return ", tzinfo=datetime.timezone.utc";
  const int days = zone.minutes < 0 ? -1 : 0;
  const int seconds = zone.minutes * 60 - days * 86'400;
  const std::string day = days == 0 ? "" : "days=-1, ";
  return ", tzinfo=datetime.timezone(datetime.timedelta(" + day +
         "seconds=" + std::to_string(seconds) + "))";
}

std::string zone_text(const Zone& zone) {
  if (!zone.present) return {};
  const int size = zone.minutes < 0 ? -zone.minutes : zone.minutes;
  return print("%c%02d:%02d", zone.minutes < 0 ? '-' : '+', size / 60, size % 60);
}

Foreign date_value(const Timestamp& time) {
  return {"date", print("datetime.date(%d, %d, %d)", time.year, time.month, time.day),
          print("%04d-%02d-%02d", time.year, time.month, time.day)};
}

Foreign datetime_value(const Timestamp& time) {
  std::string repr = print("datetime.datetime(%d, %d, %d, %d, %d", time.year, time.month, time.day,
                           time.hour, time.minute);
  if (time.second != 0 || time.microsecond != 0) repr += ", " + std::to_string(time.second);
  if (time.microsecond != 0) repr += ", " + std::to_string(time.microsecond);
  std::string text = print("%04d-%02d-%02d %02d:%02d:%02d", time.year, time.month, time.day,
                           time.hour, time.minute, time.second);
  if (time.microsecond != 0) text += print(".%06d", time.microsecond);
  return {"datetime", repr + zone_repr(time.zone) + ")", text + zone_text(time.zone)};
}

}  // namespace

ScalarResult yaml_timestamp(std::string_view text) {
  Timestamp time;
  if (!read_timestamp(text, time)) {
    return ScalarFault{"'NoneType' object has no attribute 'groupdict'"};
  }
  if (std::string fault = range_fault(time); !fault.empty()) return ScalarFault{fault};
  return Value(time.has_time ? datetime_value(time) : date_value(time));
}

}  // namespace charter::worker
