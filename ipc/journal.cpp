#include "ipc/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>

#include "ipc/codec.h"
#include "ipc/message.h"
#include "ipc/regular_file.h"

namespace charter::ipc {

Result<JournalSummary> summarize(int fd) {
  if (auto checked = check_log_header(fd, LogKind::journal); !checked) return checked.error();
  JournalSummary summary;
  LogReader reader(fd);
  for (;;) {
    const auto next = reader.next();
    if (!next) return next.error();
    if (next->outcome == LogReader::Outcome::end) return summary;
    if (next->outcome == LogReader::Outcome::damaged) {
      summary.damaged = true;
      continue;
    }
    const auto frame = decode_journal_frame(next->payload);
    if (frame) {
      fold(summary, *frame, next->place.end);
      continue;
    }
    // A whole frame stays whole when nobody here can read it: writing goes on behind it.
    summary.end = next->place.end;
    ++summary.frames;
    if (frame.error().code != std::errc::not_supported) summary.damaged = true;
  }
}

Result<UniqueFd> create_journal(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd) return errno_error("create " + path);
  if (auto written = write_log_header(fd.get(), LogKind::journal); !written) {
    (void)::unlink(path.c_str());
    return Error{written.error().code, "create " + path};
  }
  return fd;
}

Result<UniqueFd> open_journal(const std::string& path) {
  auto fd = open_regular(path, O_RDWR);
  if (!fd) return fd.error();
  if (auto checked = check_log_header(fd->get(), LogKind::journal); !checked) {
    return Error{checked.error().code, "open " + path + ": " + checked.error().what};
  }
  return fd;
}

Result<Journal> Journal::attach(int fd, std::uint64_t end) {
  auto writer = LogWriter::open(fd, end);
  if (!writer) return writer.error();
  return Journal(*writer);
}

Result<void> Journal::append(std::span<const JournalFrame> frames) {
  std::vector<std::string> payloads;
  payloads.reserve(frames.size());
  for (const JournalFrame& frame : frames) payloads.push_back(encode(frame));
  return writer_.append(payloads, LogWriter::Kept::whole_frames);
}

Result<void> Journal::append(const JournalFrame& frame) {
  return append(std::span<const JournalFrame>(&frame, 1));
}

Result<void> Journal::sync() { return writer_.sync(); }

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

namespace {

// The first and the last instant that four digits have a year for.
constexpr std::int64_t kEarliest = -62'167'219'200'000'000;
constexpr std::int64_t kLatest = 253'402'300'799'999'999;

std::string formatted_time(std::int64_t us, const char* zone) {
  using std::chrono::days;
  const std::chrono::sys_time<std::chrono::microseconds> at{
      std::chrono::microseconds(std::clamp(us, kEarliest, kLatest))};
  const auto midnight = std::chrono::floor<days>(at);
  const std::chrono::year_month_day date(midnight);
  const std::chrono::hh_mm_ss time(at - midnight);
  char text[64];
  int length = std::snprintf(
      text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
      static_cast<int>(time.seconds().count()));
  std::string out(text, static_cast<std::size_t>(length));
  if (const auto fraction = time.subseconds().count(); fraction != 0) {
    length = std::snprintf(text, sizeof text, ".%06d", static_cast<int>(fraction));
    out.append(text, static_cast<std::size_t>(length));
  }
  return out + zone;
}

constexpr std::int64_t kSecond = 1'000'000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;

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
bool take_rest(std::string_view text, std::int64_t& us) {
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    std::int64_t unit = kSecond / 10;
    std::size_t digits = 0;
    for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits) {
      us += (text[digits] - '0') * unit;
      unit /= 10;
    }
    if (digits == 0) return false;
    text.remove_prefix(digits);
  }
  return text.empty() || text == "Z" || text == "+00:00";
}

}  // namespace

std::string wire_time(std::int64_t us) { return formatted_time(us, "Z"); }
std::string file_time(std::int64_t us) { return formatted_time(us, "+00:00"); }

std::optional<std::int64_t> read_wire_time(std::string_view text) {
  const auto year = take(text, 4, '-');
  const auto month = year ? take(text, 2, '-') : std::nullopt;
  const auto day = month ? take(text, 2, 0) : std::nullopt;
  if (!day) return std::nullopt;
  namespace chr = std::chrono;
  const chr::year_month_day date{chr::year(*year), chr::month(static_cast<unsigned>(*month)),
                                 chr::day(static_cast<unsigned>(*day))};
  if (!date.ok()) return std::nullopt;
  std::int64_t us = chr::sys_days(date).time_since_epoch().count() * kDay;
  if (text.empty()) return us;
  if (!text.starts_with('T') && !text.starts_with(' ')) return std::nullopt;
  text.remove_prefix(1);
  const auto hour = take(text, 2, ':');
  const auto minute = hour ? take(text, 2, ':') : std::nullopt;
  const auto second = minute ? take(text, 2, 0) : std::nullopt;
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  us += *hour * kHour + *minute * kMinute + *second * kSecond;
  if (!take_rest(text, us)) return std::nullopt;
  return us;
}

}  // namespace charter::ipc
