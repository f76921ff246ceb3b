// A connection that has become a stream of server-sent events.
//
// Nothing is queued for a reader: when something has changed and the last write is done, the
// stream looks for what is new. A slow reader is behind and loses nothing.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/connection_count.h"
#include "gateway/services.h"

namespace charter::gateway {

class SseStream : public std::enable_shared_from_this<SseStream> {
 public:
  // `pace`: looks no more often than this.
  SseStream(boost::beast::tcp_stream stream, ConnectionCount::Place place, const Services& services,
            std::chrono::milliseconds pace = {});
  virtual ~SseStream() = default;
  SseStream(const SseStream&) = delete;
  SseStream& operator=(const SseStream&) = delete;

  void start();

 protected:
  // For the changes upon which to `wake`.
  virtual Topics::Subscription subscribe() = 0;
  // Looks for what is new and ends in `looked` or `stop`, now or later on the loop.
  virtual void look() = 0;

  // Something may have changed.
  void wake();
  // `text`: what is to be sent, perhaps nothing. `more`: there is something already; `last`:
  // there will never be more.
  void looked(std::string text, bool more, bool last);
  void stop();
  [[nodiscard]] const Services& services() const { return services_; }

 private:
  void fetch();
  void write(std::string text);
  void on_written(boost::system::error_code error);
  void rest();
  void keep_alive();
  void watch_for_the_end();

  boost::beast::tcp_stream stream_;
  boost::asio::steady_timer alive_;
  boost::asio::steady_timer rest_;
  ConnectionCount::Place place_;
  const Services& services_;
  const std::chrono::milliseconds pace_;
  Topics::Subscription subscription_;
  std::string text_;     // being written
  bool busy_ = false;    // looking, writing or at rest
  bool changed_ = true;  // there may be something to look for
  bool ended_ = false;   // after this write there is nothing more
  bool stopped_ = false;
  char sink_ = 0;
};

// One item. A line break inside `data` begins another data line; the reader joins them again.
[[nodiscard]] std::string sse_item(std::string_view name_and_id, std::string_view data);

}  // namespace charter::gateway
