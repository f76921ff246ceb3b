#include "gateway/event_stream.h"

#include <charconv>
#include <limits>
#include <utility>

#include "gateway/views.h"
#include "ipc/json_scan.h"

namespace charter::gateway {
namespace {

constexpr std::int64_t kPageEvents = 500;
constexpr std::size_t kNewsBytes = 256U << 10;

}  // namespace

std::optional<ApiError> read_stream_request(const ApiRequest& request, std::string_view last_seen,
                                            StreamRequest& wanted) {
  if (auto refusal = unknown_parameter(request, {"worker", "from"})) return refusal;
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max() - 1;
  const auto from = number_parameter(request, "from", 0, kMost);
  if (const auto* refusal = std::get_if<ApiError>(&from)) return *refusal;
  wanted.run_id = request.path[2];
  wanted.worker_id = request.parameter("worker");
  wanted.from = std::get<std::int64_t>(from);
  if (last_seen.empty()) return std::nullopt;
  // The reader was cut off: what it saw last counts, not where it once began.
  std::int64_t seen = 0;
  const char* end = last_seen.data() + last_seen.size();
  const auto [at, error] = std::from_chars(last_seen.data(), end, seen);
  if (error != std::errc{} || at != end || seen < 0 || seen >= kMost) {
    return ApiError{400, "invalid_request", "Last-Event-ID must be the id of an event",
                    "Last-Event-ID"};
  }
  wanted.from = seen + 1;
  wanted.again = true;
  return std::nullopt;
}

void find_run(const Services& services, const StreamRequest& wanted,
              std::function<void(FoundRun)> done) {
  services.store.submit(
      [wanted](Store& store) { return store.runs.latest(wanted.run_id, wanted.worker_id); },
      [wanted, done = std::move(done)](const ipc::Result<std::optional<RunRow>>& run) {
        if (!run) return done(store_error(run.error()));
        if (!*run) return done(ApiError{404, "unknown_run", "no such run is known here"});
        const RunRow& row = **run;
        done(StreamedRun{row.id, row.finished_us && wanted.from >= row.next_seq});
      });
}

EventStream::EventStream(boost::beast::tcp_stream stream, ConnectionCount::Place place,
                         const Services& services, std::int64_t run, std::int64_t from)
    : SseStream(std::move(stream), std::move(place), services), run_(run), next_(from) {}

Topics::Subscription EventStream::subscribe() {
  return services().hub.run_topics().subscribe(run_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) static_cast<EventStream&>(*self).wake();
  });
}

void EventStream::look() {
  services().store.submit(
      [run = run_, from = next_](Store& store) {
        News news;
        news.page = store.events.page(run, from, kPageEvents, kNewsBytes);
        const auto row = store.runs.get(run);
        news.ended = !row || row->finished_us.has_value();
        news.status = row ? row->status : "";
        return news;
      },
      [self = std::static_pointer_cast<EventStream>(shared_from_this())](
          const ipc::Result<News>& news) {
        if (!news) return self->stop();
        self->on_news(*news);
      });
}

void EventStream::on_news(const News& news) {
  std::string text;
  for (const EventRow& event : news.page.events) {
    text += sse_item("id: " + std::to_string(event.seq) + "\n", view_of(event));
  }
  next_ = news.page.next;
  const bool last = news.ended && !news.page.more;
  if (last) text += sse_item("event: end\n", "{\"status\":" + ipc::quoted(news.status) + "}");
  looked(std::move(text), news.page.more, last);
}

}  // namespace charter::gateway
