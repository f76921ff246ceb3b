// The bytes below a WebSocket, plain or encrypted, behind one face, so that the WebSocket is
// compiled once.
#pragma once

#include <array>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <memory>

namespace charter::supervisor {

class Transport {
 public:
  using Handler = boost::asio::any_completion_handler<void(boost::system::error_code, std::size_t)>;
  // A header and its payload, and room for what a composed write puts between them.
  using ReadBuffers = std::array<boost::asio::mutable_buffer, 4>;
  using WriteBuffers = std::array<boost::asio::const_buffer, 4>;

  virtual ~Transport() = default;
  // At most one of each at a time. Handlers are called on the socket's executor.
  virtual void read_some(const ReadBuffers& buffers, Handler handler) = 0;
  virtual void write_some(const WriteBuffers& buffers, Handler handler) = 0;
  [[nodiscard]] virtual boost::asio::ip::tcp::socket& socket() = 0;
};

[[nodiscard]] std::unique_ptr<Transport> plain_transport(boost::asio::ip::tcp::socket socket);

}  // namespace charter::supervisor
