#include "gateway/listener.h"

#include <spdlog/spdlog.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "gateway/http_session.h"

namespace charter::gateway {

using boost::asio::ip::tcp;

namespace {

constexpr std::chrono::milliseconds kPauseAfterError{100};

std::string text_of(const tcp::endpoint& at) {
  const std::string address = at.address().to_string();
  return (at.address().is_v6() ? "[" + address + "]" : address) + ":" + std::to_string(at.port());
}

}  // namespace

Listener::Listener(boost::asio::io_context& loop, const tcp::endpoint& address,
                   const Services& services)
    : acceptor_(loop), pause_(loop), services_(services) {
  boost::system::error_code error;
  acceptor_.open(address.protocol(), error);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(address, error);
  if (!error) acceptor_.listen(boost::asio::socket_base::max_listen_connections, error);
  if (error) {
    throw std::runtime_error("cannot listen on " + text_of(address) + ": " + error.message());
  }
}

std::string Listener::address() const { return text_of(acceptor_.local_endpoint()); }

void Listener::start() { accept(); }

void Listener::stop() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
}

void Listener::accept() {
  acceptor_.async_accept([this](boost::system::error_code error, tcp::socket socket) {
    if (error == boost::asio::error::operation_aborted || !acceptor_.is_open()) return;
    if (error) {
      // Out of descriptors, mostly: the connection stays in the kernel's queue, and trying again
      // at once would only spin.
      spdlog::warn("accept: {}", error.message());
      pause_.expires_after(kPauseAfterError);
      return pause_.async_wait([this](boost::system::error_code failed) {
        if (!failed) accept();
      });
    }
    if (auto place = count_.take()) {
      boost::system::error_code ignored;
      socket.set_option(tcp::no_delay(true), ignored);
      std::make_shared<HttpSession>(std::move(socket), std::move(place), services_)->start();
    }
    accept();
  });
}

}  // namespace charter::gateway
