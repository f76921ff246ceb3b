// One HTTP connection: requests one after the other, until it becomes a daemon's WebSocket or a
// stream of events.
#pragma once

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "gateway/api_types.h"
#include "gateway/connection_count.h"
#include "gateway/page_file.h"
#include "gateway/services.h"

namespace charter::gateway {

inline constexpr std::uint32_t kMaxHeaderBytes = 16U << 10;
inline constexpr std::uint64_t kMaxBodyBytes = 8U << 20;

class HttpSession : public std::enable_shared_from_this<HttpSession> {
 public:
  // `services` outlives it.
  HttpSession(boost::asio::ip::tcp::socket socket, ConnectionCount::Place place,
              const Services& services);

  void start();

 private:
  using Error = boost::system::error_code;
  using Body = boost::beast::http::string_body;

  void read_header();
  void on_header(Error error);
  void invite_body();
  void read_body();
  void on_body(Error error);
  void become_daemon();
  void answer_page(const PageFile& file);
  void become_stream(const ApiRequest& request);
  void become_run_stream(const ApiRequest& request);
  void become_log_stream(const ApiRequest& request);
  // Whether server-sent events are asked for.
  [[nodiscard]] bool wants_stream(const ApiRequest& request) const;
  // Refuses what could not be read; the connection ends behind the answer.
  void refuse_unreadable(Error error);
  void answer(ApiResponse response);
  void on_answered(Error error);
  void finish();
  void read_the_rest();

  boost::beast::tcp_stream stream_;
  ConnectionCount::Place place_;
  const Services& services_;
  std::string peer_;
  boost::beast::flat_buffer buffer_{kMaxHeaderBytes + (64U << 10)};
  std::optional<boost::beast::http::request_parser<Body>> parser_;
  boost::beast::http::response<Body> response_;
  std::array<char, 4096> rest_{};  // what is read only to be forgotten
  bool last_ = false;              // of this connection
  bool second_ = false;            // a request has been answered before
};

}  // namespace charter::gateway
