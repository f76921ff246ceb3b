#include "supervisor/link/transport.h"

#include <utility>

namespace charter::supervisor {
namespace {

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(boost::asio::ip::tcp::socket socket) : socket_(std::move(socket)) {}

  void read_some(const ReadBuffers& buffers, Handler handler) override {
    socket_.async_read_some(buffers, std::move(handler));
  }
  void write_some(const WriteBuffers& buffers, Handler handler) override {
    socket_.async_write_some(buffers, std::move(handler));
  }
  boost::asio::ip::tcp::socket& socket() override { return socket_; }

 private:
  boost::asio::ip::tcp::socket socket_;
};

}  // namespace

std::unique_ptr<Transport> plain_transport(boost::asio::ip::tcp::socket socket) {
  return std::make_unique<PlainTransport>(std::move(socket));
}

}  // namespace charter::supervisor
