// Events, each the daemon's own bytes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gateway/daemon_message.h"
#include "gateway/database.h"

namespace charter::gateway {

struct EventRow {
  std::int64_t seq = 0;
  std::optional<std::int64_t> stream_seq = {};
  std::string occurred_at = {};
  std::int64_t received_us = 0;
  std::string event = {};
};

struct EventPage {
  std::vector<EventRow> events;
  std::int64_t next = 0;  // where to go on
  bool more = false;      // there is something there already
};

class EventTable {
 public:
  explicit EventTable(Database& database);

  // False when the run already has an event of that number; the first one stays.
  bool add(std::int64_t run, const EventMessage& message, std::int64_t received_us);
  // Events from `from` on, in order: at most `limit`, and no further one once they have
  // `max_bytes`.
  [[nodiscard]] EventPage page(std::int64_t run, std::int64_t from, std::int64_t limit,
                               std::size_t max_bytes);
  [[nodiscard]] std::optional<std::string> event(std::int64_t run, std::int64_t seq);

 private:
  Database& database_;
  Statement add_, page_, one_;
};

}  // namespace charter::gateway
