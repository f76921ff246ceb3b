#include "gateway/log_stream.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "ipc/json_object.h"

namespace charter::gateway {
namespace {

constexpr std::chrono::milliseconds kFirstWait{200};
constexpr std::chrono::milliseconds kLongestWait{1000};

}  // namespace

std::optional<ApiError> read_log_request(const ApiRequest& request, std::string_view last_seen,
                                         LogRequest& wanted) {
  if (auto refusal = unknown_parameter(request, {"worker", "from", "tail"})) return refusal;
  const auto tail = number_parameter(request, "tail", 0, std::numeric_limits<std::int64_t>::max());
  if (const auto* refusal = std::get_if<ApiError>(&tail)) return *refusal;
  wanted.run_id = request.path[2];
  wanted.worker_id = request.parameter("worker");
  wanted.tail = static_cast<std::uint64_t>(std::get<std::int64_t>(tail));
  std::string_view from = request.parameter("from");
  if (request.query.contains("from") && wanted.tail > 0) {
    return ApiError{400, "invalid_request", "from and tail exclude each other", "tail"};
  }
  // The reader was cut off: what it saw last counts, not where it once began.
  const bool again = !last_seen.empty();
  if (again) from = last_seen;
  if (from.empty()) return std::nullopt;
  const auto place = read_place(from);
  if (!place) {
    const std::string name = again ? "Last-Event-ID" : "from";
    return ApiError{400, "invalid_request", name + " must be a place that an answer has named",
                    name};
  }
  wanted.from = *place;
  wanted.tail = 0;
  return std::nullopt;
}

LogStream::LogStream(boost::beast::tcp_stream stream, ConnectionCount::Place place,
                     const Services& services, LoggedRun run, const LogRequest& wanted)
    : SseStream(std::move(stream), std::move(place), services),
      run_(std::move(run)),
      next_(wanted.from),
      tail_(wanted.tail),
      view_(wanted.tail > 0 ? std::nullopt : std::optional(wanted.from.position)),
      wait_(kFirstWait),
      timer_(services.hub.loop()) {}

void LogStream::look() {
  ipc::wire::ReadOutput question;
  question.place = next_;
  question.tail = tail_;
  ask_for_log(services().hub, run_, std::move(question),
              [self = std::static_pointer_cast<LogStream>(shared_from_this())](
                  const ipc::Result<ipc::wire::Output>& part) {
                if (!part) return self->on_trouble(part.error().what, false);
                if (!part->error.empty()) return self->on_trouble(part->error, part->over);
                self->on_part(*part);
              });
}

void LogStream::on_part(const ipc::wire::Output& part) {
  next_ = part.next;
  tail_ = 0;  // that of a log in which there was nothing is its beginning
  std::string text;
  if (!std::exchange(trouble_, {}).empty()) text += sse_item("event: fine\n", "{}");
  if (!part.pieces.empty()) {
    text += sse_item("id: " + place_text(next_) + "\n",
                     ipc::JsonObject().raw("pieces", view_.pieces(part, part.over)).str());
  }
  if (part.over) text += sse_item("event: end\n", "{}");
  wait_ = part.pieces.empty() ? std::min(wait_ * 2, kLongestWait) : kFirstWait;
  if (!part.more && !part.over) look_again_later();
  looked(std::move(text), part.more, part.over);
}

// What is told is why nothing comes, once, and `fine` when something may come again.
void LogStream::on_trouble(const std::string& why, bool last) {
  std::string text;
  if (why != trouble_) {
    text += sse_item("event: trouble\n", ipc::JsonObject().text("message", why).str());
  }
  trouble_ = why;
  if (last) text += sse_item("event: end\n", "{}");
  wait_ = kLongestWait;
  if (!last) look_again_later();
  looked(std::move(text), false, last);
}

void LogStream::look_again_later() {
  timer_.expires_after(wait_);
  timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    const auto self = weak.lock();
    if (!error && self) static_cast<LogStream&>(*self).wake();
  });
}

}  // namespace charter::gateway
