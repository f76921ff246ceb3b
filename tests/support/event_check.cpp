#include "tests/support/event_check.h"

#include <algorithm>
#include <charconv>
#include <functional>

namespace charter::tests {
namespace {

constexpr std::size_t kMostEvents = 10'000'000;

// The text behind `before` up to the next quote. Member names are in the protocol's fixed order,
// so the first one found is the message's own.
std::string_view text_behind(std::string_view message, std::string_view before) {
  const auto at = message.find(before);
  if (at == std::string_view::npos) return {};
  const auto begin = at + before.size();
  return message.substr(begin, message.find('"', begin) - begin);
}

std::int64_t seq_of(std::string_view message) {
  constexpr std::string_view kName = "\"seq\":";
  const auto at = message.find(kName);
  std::int64_t seq = -1;
  if (at != std::string_view::npos) {
    std::from_chars(message.data() + at + kName.size(), message.data() + message.size(), seq);
  }
  return seq;
}

bool ends_a_run(std::string_view kind) {
  return kind == "RunCompleteEvent" || kind == "RunFailedEvent" || kind == "RunCancelledEvent";
}

}  // namespace

void EventCheck::take(std::size_t connection, std::string_view message) {
  const auto type = text_behind(message, "\"type\":\"");
  if (type == "worker.heartbeat") return;
  const std::lock_guard lock(mutex_);
  if (type != "run.event" && type != "run.announced") {
    others_.emplace_back(message);
    return;
  }
  const auto run = text_behind(message, "\"run_id\":\"");
  auto known = runs_.find(run);
  if (known == runs_.end()) known = runs_.emplace(run, Tale{}).first;
  Tale& tale = known->second;
  if (type == "run.event") return take_event(tale, connection, message);
  // It is announced again when it goes on; only a new connection begins anew.
  if (!tale.announced || tale.connection != connection) tale.last = -1;
  tale.announced = true;
  tale.connection = connection;
}

void EventCheck::take_event(Tale& tale, std::size_t connection, std::string_view message) {
  const std::int64_t seq = seq_of(message);
  const auto where = "seq " + std::to_string(seq) + " on connection " + std::to_string(connection);
  const auto wrong = [&](const std::string& what) {
    if (tale.fault.empty()) tale.fault = where + " " + what;
  };
  if (seq < 0 || static_cast<std::size_t>(seq) > kMostEvents) return wrong("is no number of one");
  if (!tale.announced || tale.connection != connection) return wrong("came before its run");
  if (seq <= tale.last) return wrong("came after " + std::to_string(tale.last));
  tale.last = seq;
  const auto at = static_cast<std::size_t>(seq);
  if (tale.hashes.size() <= at) tale.hashes.resize(at + 1);
  const std::size_t hash = std::max<std::size_t>(std::hash<std::string_view>()(message), 1);
  if (tale.hashes[at] != 0 && tale.hashes[at] != hash) return wrong("is two events");
  if (tale.hashes[at] == 0) ++tale.seen;
  tale.hashes[at] = hash;
  const auto kind = text_behind(message, "\"kind\":\"");
  if (!ends_a_run(kind)) return;
  if (tale.end_seq >= 0 && tale.end_seq != seq) return wrong("is a second end");
  tale.end_seq = seq;
  tale.end = kind;
}

std::size_t EventCheck::events(const std::string& run) const {
  const std::lock_guard lock(mutex_);
  const auto known = runs_.find(run);
  return known == runs_.end() ? 0 : known->second.seen;
}

std::string EventCheck::end(const std::string& run) const {
  const std::lock_guard lock(mutex_);
  const auto known = runs_.find(run);
  return known == runs_.end() ? "" : known->second.end;
}

std::size_t EventCheck::all_events() const {
  const std::lock_guard lock(mutex_);
  std::size_t sum = 0;
  for (const auto& [run, tale] : runs_) sum += tale.seen;
  return sum;
}

std::size_t EventCheck::ended() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::size_t>(std::count_if(
      runs_.begin(), runs_.end(), [](const auto& one) { return !one.second.end.empty(); }));
}

std::string EventCheck::faults(const std::string& run) const {
  const std::lock_guard lock(mutex_);
  const auto known = runs_.find(run);
  if (known == runs_.end()) return "nothing came";
  const Tale& tale = known->second;
  if (!tale.fault.empty()) return tale.fault;
  const auto gap = std::find(tale.hashes.begin(), tale.hashes.end(), 0U);
  if (gap != tale.hashes.end()) {
    return "seq " + std::to_string(gap - tale.hashes.begin()) + " is missing";
  }
  const auto count = static_cast<std::int64_t>(tale.hashes.size());
  return tale.end_seq < 0 || tale.end_seq + 1 == count ? "" : "an event behind the terminal one";
}

std::vector<std::string> EventCheck::others() const {
  const std::lock_guard lock(mutex_);
  return others_;
}

}  // namespace charter::tests
