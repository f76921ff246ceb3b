#include "gateway/event_stream.h"

#include <boost/asio/write.hpp>
#include <charconv>
#include <limits>
#include <utility>

#include "gateway/views.h"
#include "ipc/json_scan.h"

namespace charter::gateway {
namespace {

constexpr std::chrono::seconds kKeepAlive{15};
constexpr std::chrono::seconds kWriteLimit{60};
constexpr std::int64_t kPageEvents = 500;
constexpr std::size_t kPageBytes = 256U << 10;

constexpr std::string_view kHead =
    "HTTP/1.1 200 OK\r\n"
    "Server: charter-daemon\r\n"
    "Content-Type: text/event-stream\r\n"
    "Cache-Control: no-store\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "X-Accel-Buffering: no\r\n"
    "Connection: close\r\n\r\n"
    "retry: 1000\n\n";

// A line break inside a value begins another data line; the reader joins them again.
void append_data(std::string& out, std::string_view text) {
  out += "data: ";
  for (const char c : text) {
    if (c == '\n' || c == '\r') {
      out += "\ndata: ";
    } else {
      out += c;
    }
  }
  out += "\n\n";
}

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
    : stream_(std::move(stream)),
      timer_(stream_.get_executor()),
      place_(std::move(place)),
      services_(services),
      run_(run),
      next_(from) {}

void EventStream::start() {
  subscription_ = services_.hub.run_topics().subscribe(run_, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->changed_ = true;
    self->fetch();
  });
  watch_for_the_end();
  write(std::string(kHead));
  keep_alive();
}

// A reader sends nothing more; a read that ends tells that it left.
void EventStream::watch_for_the_end() {
  stream_.socket().async_read_some(
      boost::asio::buffer(&sink_, 1),
      [self = shared_from_this()](boost::system::error_code error, std::size_t) {
        if (error) return self->stop();
        self->watch_for_the_end();
      });
}

void EventStream::fetch() {
  if (busy_ || stopped_ || !changed_) return;
  busy_ = true;
  changed_ = false;
  services_.store.submit(
      [run = run_, from = next_](Store& store) {
        News news;
        news.page = store.events.page(run, from, kPageEvents, kPageBytes);
        const auto row = store.runs.get(run);
        news.ended = !row || row->finished_us.has_value();
        news.status = row ? row->status : "";
        return news;
      },
      [self = shared_from_this()](const ipc::Result<News>& news) {
        self->busy_ = false;
        if (!news) return self->stop();
        self->on_news(*news);
      });
}

void EventStream::on_news(const News& news) {
  std::string text;
  for (const EventRow& event : news.page.events) {
    text += "id: " + std::to_string(event.seq) + "\n";
    append_data(text, view_of(event));
  }
  next_ = news.page.next;
  changed_ = changed_ || news.page.more;
  ended_ = news.ended && !news.page.more;
  if (ended_) {
    text += "event: end\n";
    append_data(text, "{\"status\":" + ipc::quoted(news.status) + "}");
  }
  if (!text.empty()) return write(std::move(text));
  fetch();
}

void EventStream::write(std::string text) {
  if (stopped_) return;
  busy_ = true;
  text_ = std::move(text);
  stream_.expires_after(kWriteLimit);
  boost::asio::async_write(stream_, boost::asio::buffer(text_),
                           [self = shared_from_this()](boost::system::error_code error,
                                                       std::size_t) { self->on_written(error); });
}

void EventStream::on_written(boost::system::error_code error) {
  busy_ = false;
  stream_.expires_never();
  if (error || ended_) return stop();
  fetch();
}

void EventStream::keep_alive() {
  timer_.expires_after(kKeepAlive);
  timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    const auto self = weak.lock();
    if (error || !self || self->stopped_) return;
    if (!self->busy_) self->write(": still here\n\n");
    self->keep_alive();
  });
}

void EventStream::stop() {
  if (std::exchange(stopped_, true)) return;
  subscription_ = {};
  timer_.cancel();
  boost::system::error_code ignored;
  stream_.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_both, ignored);
  stream_.close();
}

}  // namespace charter::gateway
