#include "supervisor/link/tunnel.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <string_view>
#include <utility>

#include "supervisor/link/credentials.h"

namespace charter::supervisor {
namespace {

// "HTTP/1.1 407 …": the status, or nothing when it is no HTTP.
std::optional<unsigned> status_of(std::string_view head) {
  if (!head.starts_with("HTTP/1.") || head.size() < 12 || head[8] != ' ') return std::nullopt;
  unsigned status = 0;
  for (const char c : head.substr(9, 3)) {
    if (c < '0' || c > '9') return std::nullopt;
    status = 10 * status + static_cast<unsigned>(c - '0');
  }
  return status;
}

std::string authority(const std::string& host, std::uint16_t port) {
  const bool bare_v6 = host.find(':') != std::string::npos;
  return (bare_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace

Tunnel::Tunnel(boost::asio::ip::tcp::socket socket) : socket_(std::move(socket)) {}

void Tunnel::open(const Proxy& proxy, const std::string& host, std::uint16_t port, Done done) {
  done_ = std::move(done);
  shown_ = proxy.shown;
  has_credentials_ = !proxy.credentials.empty();
  const std::string target = authority(host, port);
  request_ = "CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n";
  if (has_credentials_) {
    request_ += "Proxy-Authorization: " + basic_authorization(proxy.credentials) + "\r\n";
  }
  request_ += "\r\n";
  boost::asio::async_write(socket_, boost::asio::buffer(request_),
                           [self = shared_from_this()](const boost::system::error_code& error,
                                                       std::size_t) { self->on_sent(error); });
}

void Tunnel::cancel() {
  done_ = nullptr;
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void Tunnel::on_sent(const boost::system::error_code& error) {
  if (!done_) return;
  if (error) {
    fail(error.message());
    return;
  }
  boost::asio::async_read_until(
      socket_, boost::asio::dynamic_buffer(answer_, kMostAnswerBytes), "\r\n\r\n",
      [self = shared_from_this()](const boost::system::error_code& outcome, std::size_t size) {
        self->on_answer(outcome, size);
      });
}

void Tunnel::on_answer(const boost::system::error_code& error, std::size_t head_size) {
  if (!done_) return;
  if (error) {
    fail(error == boost::asio::error::not_found ? "its answer is too long" : error.message());
    return;
  }
  const auto status = status_of(answer_);
  if (!status) {
    fail("its answer is no HTTP");
  } else if (*status == 407) {
    fail(has_credentials_ ? "it does not accept the user and password (407)"
                          : "it wants a user and password (407)");
  } else if (*status < 200 || *status > 299) {
    fail("it answered " + std::to_string(*status));
  } else if (answer_.size() != head_size) {
    // The gateway speaks second; whoever spoke here is not the gateway.
    fail("it sent more than its answer");
  } else if (const Done done = std::exchange(done_, nullptr)) {
    done({std::move(socket_), {}});
  }
}

void Tunnel::fail(const std::string& what) {
  if (const Done done = std::exchange(done_, nullptr)) {
    done({std::nullopt, "proxy " + shown_ + ": " + what});
  }
}

}  // namespace charter::supervisor
