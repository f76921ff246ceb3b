// A run's events as server-sent events, from a given one on, until the run has ended.
//
// Nothing is queued for a reader: when the store has something new, or the last write is done,
// the next page is read from it. A slow reader is behind and loses nothing.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "gateway/api_types.h"
#include "gateway/connection_count.h"
#include "gateway/services.h"

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

class EventStream : public std::enable_shared_from_this<EventStream> {
 public:
  EventStream(boost::beast::tcp_stream stream, ConnectionCount::Place place,
              const Services& services, std::int64_t run, std::int64_t from);

  void start();

 private:
  struct News {
    EventPage page;
    bool ended = false;
    std::string status;
  };

  void fetch();
  void on_news(const News& news);
  void write(std::string text);
  void on_written(boost::system::error_code error);
  void keep_alive();
  void watch_for_the_end();
  void stop();

  boost::beast::tcp_stream stream_;
  boost::asio::steady_timer timer_;
  ConnectionCount::Place place_;
  const Services& services_;
  Topics::Subscription subscription_;
  const std::int64_t run_;
  std::int64_t next_;
  std::string text_;     // being written
  bool busy_ = false;    // fetching or writing
  bool changed_ = true;  // there may be something to fetch
  bool ended_ = false;   // after this write there is nothing more
  bool stopped_ = false;
  char sink_ = 0;
};

}  // namespace charter::gateway
