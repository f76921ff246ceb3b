// A run's events as server-sent events, from a given one on, until the run has ended.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <variant>

#include "gateway/api_types.h"
#include "gateway/sse_stream.h"

namespace charter::gateway {

struct StreamRequest {
  std::string run_id;
  std::string worker_id;
  std::int64_t from = 0;
  bool again = false;  // the reader was cut off and comes back
};

struct StreamedRun {
  std::int64_t id = 0;
  bool over = false;  // it has ended and has nothing the reader has not seen
};

// Reads path, query and the Last-Event-ID header; gives what is wrong with them.
[[nodiscard]] std::optional<ApiError> read_stream_request(const ApiRequest& request,
                                                          std::string_view last_seen,
                                                          StreamRequest& wanted);

using FoundRun = std::variant<StreamedRun, ApiError>;
void find_run(const Services& services, const StreamRequest& wanted,
              std::function<void(FoundRun)> done);

class EventStream : public SseStream {
 public:
  EventStream(boost::beast::tcp_stream stream, ConnectionCount::Place place,
              const Services& services, std::int64_t run, std::int64_t from);

 private:
  struct News {
    EventPage page;
    bool ended = false;
    std::string status;
  };

  Topics::Subscription subscribe() override;
  void look() override;
  void on_news(const News& news);

  const std::int64_t run_;
  std::int64_t next_;
};

}  // namespace charter::gateway
