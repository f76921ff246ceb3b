#include "gateway/run_stream.h"

#include <utility>

#include "gateway/views.h"

namespace charter::gateway {
namespace {

constexpr std::chrono::milliseconds kPace{100};
// More of them at once, and the list itself is the shorter answer.
constexpr std::size_t kMostRuns = 500;

std::string event(std::string_view name, std::string_view data = "{}") {
  return sse_item("event: " + std::string(name) + "\n", data);
}

}  // namespace

RunStream::RunStream(boost::beast::tcp_stream stream, ConnectionCount::Place place,
                     const Services& services)
    : SseStream(std::move(stream), std::move(place), services, kPace),
      next_(services.hub.changes().mark()) {}

Topics::Subscription RunStream::subscribe() {
  return services().hub.run_topics().subscribe(Hub::kAnyChange, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) static_cast<RunStream&>(*self).wake();
  });
}

void RunStream::look() {
  std::string text = std::exchange(greeted_, true) ? "" : event("ready");
  auto changed = services().hub.changes().since(next_);
  next_ = services().hub.changes().mark();
  if (changed && changed->erase(ChangeLog::kWorkers) != 0) text += event("workers");
  if (!changed || changed->size() > kMostRuns) {
    return looked(text + event("workers") + event("reset"), false, false);
  }
  if (changed->empty()) return looked(std::move(text), false, false);
  services().store.submit(
      [runs = std::move(*changed)](Store& store) {
        std::vector<RunRow> rows;
        for (const std::int64_t run : runs) {
          if (auto row = store.runs.get(run)) rows.push_back(std::move(*row));
        }
        return rows;
      },
      [self = std::static_pointer_cast<RunStream>(shared_from_this()),
       text = std::move(text)](const ipc::Result<std::vector<RunRow>>& rows) {
        if (!rows) return self->stop();
        self->on_runs(text, *rows);
      });
}

void RunStream::on_runs(std::string text, const std::vector<RunRow>& runs) {
  for (const RunRow& run : runs) {
    text += event("run", view_of(run, services().hub.desk().connected(run.id)));
  }
  looked(std::move(text), false, false);
}

}  // namespace charter::gateway
