#include "gateway/event_table.h"

namespace charter::gateway {

EventTable::EventTable(Database& database)
    : database_(database),
      add_(database,
           "INSERT OR IGNORE INTO events (run, seq, stream_seq, occurred_at, received_us, event)"
           " VALUES (?1, ?2, ?3, ?4, ?5, ?6)"),
      page_(database,
            "SELECT seq, stream_seq, occurred_at, received_us, event FROM events"
            " WHERE run = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3"),
      one_(database, "SELECT event FROM events WHERE run = ?1 AND seq = ?2") {}

bool EventTable::add(std::int64_t run, const EventMessage& message, std::int64_t received_us) {
  add_.bind(1, run).bind(2, message.seq).bind_optional(3, message.stream_seq);
  add_.bind(4, message.occurred_at).bind(5, received_us).bind(6, message.event()).run();
  return database_.changes() != 0;
}

EventPage EventTable::page(std::int64_t run, std::int64_t from, std::int64_t limit,
                           std::size_t max_bytes) {
  const ScopedReset reset_at_end(page_);
  page_.bind(1, run).bind(2, from).bind(3, limit + 1);
  EventPage page;
  page.next = from;
  std::size_t bytes = 0;
  while (page_.step()) {
    if (page.events.size() == static_cast<std::size_t>(limit) || bytes >= max_bytes) {
      page.more = true;
      break;
    }
    EventRow row{.seq = page_.integer(0),
                 .stream_seq = page_.maybe_integer(1),
                 .occurred_at = std::string(page_.text(2)),
                 .received_us = page_.integer(3),
                 .event = std::string(page_.text(4))};
    bytes += row.event.size();
    page.next = row.seq + 1;
    page.events.push_back(std::move(row));
  }
  return page;
}

std::optional<std::string> EventTable::event(std::int64_t run, std::int64_t seq) {
  const ScopedReset reset_at_end(one_);
  one_.bind(1, run).bind(2, seq);
  if (!one_.step()) return std::nullopt;
  return std::string(one_.text(0));
}

}  // namespace charter::gateway
