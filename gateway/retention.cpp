#include "gateway/retention.h"

#include <spdlog/spdlog.h>

#include <utility>
#include <vector>

namespace charter::gateway {
namespace {

constexpr std::int64_t kBatch = 64;             // runs
constexpr std::int64_t kBatchBytes = 16 << 20;  // of their events, with the run that passes it
constexpr std::int64_t kPagesKept = 512;        // unused, 4 MiB
constexpr const char* kGiveBack = "PRAGMA incremental_vacuum(256)";  // 2 MiB
constexpr std::chrono::milliseconds kFirstLook{1000};
constexpr std::chrono::milliseconds kInterval{60'000};
constexpr std::chrono::milliseconds kBatchPause{100};

std::int64_t wall_us() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

struct Due {
  std::vector<std::int64_t> runs;
  bool more = false;  // there may be
};

// Ended runs, the longest ended first: too old, or beyond what may be kept.
Due due_runs(Database& database, const RetentionSettings& settings, std::int64_t oldest_us) {
  Statement total(database, "SELECT coalesce(sum(bytes), 0) FROM runs WHERE finished_us NOT NULL");
  total.step();
  std::int64_t excess = total.integer(0) - settings.bytes;
  Statement ended(database,
                  "SELECT id, finished_us, bytes FROM runs WHERE finished_us NOT NULL"
                  " ORDER BY finished_us LIMIT ?1");
  ended.bind(1, kBatch);
  Due due;
  std::int64_t bytes = 0;
  while (ended.step()) {
    if (ended.integer(1) > oldest_us && excess <= 0) return due;
    excess -= ended.integer(2);
    bytes += ended.integer(2);
    due.runs.push_back(ended.integer(0));
    if (bytes >= kBatchBytes) break;
  }
  due.more = bytes >= kBatchBytes || static_cast<std::int64_t>(due.runs.size()) == kBatch;
  return due;
}

std::int64_t unused_pages(Database& database) {
  Statement count(database, "PRAGMA freelist_count");
  count.step();
  return count.integer(0);
}

}  // namespace

bool remove_old(Store& store, const RetentionSettings& settings, std::int64_t now_us) {
  const std::int64_t oldest_us =
      now_us - std::chrono::duration_cast<std::chrono::microseconds>(settings.age).count();
  const Due due = due_runs(store.database, settings, oldest_us);
  for (const std::int64_t run : due.runs) {
    for (const char* sql :
         {"DELETE FROM events WHERE run = ?1", "DELETE FROM commands WHERE run = ?1",
          "DELETE FROM runs WHERE id = ?1"}) {
      Statement(store.database, sql).bind(1, run).run();
    }
  }
  // A start belongs to no run here, and a connection that is over to none that is kept.
  Statement(store.database,
            "DELETE FROM commands WHERE run IS NULL AND settled_us NOT NULL AND settled_us <= ?1")
      .bind(1, oldest_us)
      .run();
  Statement(store.database,
            "DELETE FROM workers WHERE connected = 0 AND last_seen_us <= ?1"
            " AND connection NOT IN (SELECT connection FROM runs)")
      .bind(1, oldest_us)
      .run();
  if (!due.runs.empty()) store.intake.forget();  // it may remember one of them
  return due.more;
}

bool give_back(Database& database) {
  const std::int64_t before = unused_pages(database);
  if (before <= kPagesKept) return false;
  database.execute(kGiveBack);
  const std::int64_t after = unused_pages(database);
  return after < before && after > kPagesKept;
}

Retention::Retention(boost::asio::any_io_executor loop, StoreThread& store,
                     RetentionSettings settings)
    : timer_(std::move(loop)), store_(store), settings_(settings) {}

void Retention::start() { look_after(kFirstLook); }

void Retention::stop() { timer_.cancel(); }

void Retention::look_after(std::chrono::milliseconds time) {
  timer_.expires_after(time);
  timer_.async_wait([this](boost::system::error_code error) {
    if (!error) look();
  });
}

void Retention::look() {
  store_.submit(
      [settings = settings_](Store& store) {
        return remove_old(store, settings, wall_us()) || give_back(store.database);
      },
      [this](const ipc::Result<bool>& more) {
        if (!more) spdlog::warn("old runs cannot be removed: {}", more.error().message());
        look_after(more && *more ? kBatchPause : kInterval);
      });
}

}  // namespace charter::gateway
