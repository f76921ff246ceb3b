#include "gateway/sse_stream.h"

#include <boost/asio/write.hpp>
#include <utility>

namespace charter::gateway {
namespace {

using Error = boost::system::error_code;

constexpr std::chrono::seconds kKeepAlive{15};
constexpr std::chrono::seconds kWriteLimit{60};

constexpr std::string_view kHead =
    "HTTP/1.1 200 OK\r\n"
    "Server: charter-daemon\r\n"
    "Content-Type: text/event-stream\r\n"
    "Cache-Control: no-store\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "X-Accel-Buffering: no\r\n"
    "Connection: close\r\n\r\n"
    "retry: 1000\n\n";

}  // namespace

std::string sse_item(std::string_view name_and_id, std::string_view data) {
  std::string out(name_and_id);
  out += "data: ";
  for (const char c : data) {
    if (c == '\n' || c == '\r') {
      out += "\ndata: ";
    } else {
      out += c;
    }
  }
  out += "\n\n";
  return out;
}

SseStream::SseStream(boost::beast::tcp_stream stream, ConnectionCount::Place place,
                     const Services& services, std::chrono::milliseconds pace)
    : stream_(std::move(stream)),
      alive_(stream_.get_executor()),
      rest_(stream_.get_executor()),
      place_(std::move(place)),
      services_(services),
      pace_(pace) {}

void SseStream::start() {
  subscription_ = subscribe();
  watch_for_the_end();
  write(std::string(kHead));
  keep_alive();
}

// A reader sends nothing more; a read that ends tells that it left.
void SseStream::watch_for_the_end() {
  stream_.socket().async_read_some(boost::asio::buffer(&sink_, 1),
                                   [self = shared_from_this()](Error error, std::size_t) {
                                     if (error) return self->stop();
                                     self->watch_for_the_end();
                                   });
}

void SseStream::wake() {
  changed_ = true;
  fetch();
}

void SseStream::fetch() {
  if (busy_ || stopped_ || !changed_) return;
  busy_ = true;
  changed_ = false;
  look();
}

void SseStream::looked(std::string text, bool more, bool last) {
  busy_ = false;
  changed_ = changed_ || more;
  ended_ = last;
  if (!text.empty()) return write(std::move(text));
  fetch();
}

void SseStream::write(std::string text) {
  if (stopped_) return;
  busy_ = true;
  text_ = std::move(text);
  stream_.expires_after(kWriteLimit);
  boost::asio::async_write(
      stream_, boost::asio::buffer(text_),
      [self = shared_from_this()](Error error, std::size_t) { self->on_written(error); });
}

void SseStream::on_written(Error error) {
  stream_.expires_never();
  if (error || ended_) return stop();
  if (pace_.count() > 0) return rest();
  busy_ = false;
  fetch();
}

void SseStream::rest() {
  rest_.expires_after(pace_);
  rest_.async_wait([weak = weak_from_this()](Error error) {
    const auto self = weak.lock();
    if (error || !self) return;
    self->busy_ = false;
    self->fetch();
  });
}

void SseStream::keep_alive() {
  alive_.expires_after(kKeepAlive);
  alive_.async_wait([weak = weak_from_this()](Error error) {
    const auto self = weak.lock();
    if (error || !self || self->stopped_) return;
    if (!self->busy_) self->write(": still here\n\n");
    self->keep_alive();
  });
}

void SseStream::stop() {
  if (std::exchange(stopped_, true)) return;
  subscription_ = {};
  alive_.cancel();
  rest_.cancel();
  Error ignored;
  stream_.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_both, ignored);
  stream_.close();
}

}  // namespace charter::gateway
