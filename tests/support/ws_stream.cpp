#include "tests/support/ws_stream.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace charter::tests {
namespace {

class PlainStream final : public WsStream {
 public:
  explicit PlainStream(int socket) : socket_(socket) {}
  ~PlainStream() override { ::close(socket_); }
  PlainStream(const PlainStream&) = delete;
  PlainStream& operator=(const PlainStream&) = delete;

  int descriptor() const override { return socket_; }
  bool prepare() override { return true; }

  Outcome read(std::string& into) override {
    std::array<char, 65536> block;
    const ssize_t count = ::recv(socket_, block.data(), block.size(), 0);
    if (count > 0) into.append(block.data(), static_cast<std::size_t>(count));
    return outcome(count);
  }

  Outcome write(std::string& bytes) override {
    const ssize_t count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count > 0) bytes.erase(0, static_cast<std::size_t>(count));
    return outcome(count);
  }

 private:
  static Outcome outcome(ssize_t count) {
    if (count > 0) return Outcome::moved;
    if (count == 0) return Outcome::ended;
    return errno == EAGAIN || errno == EINTR ? Outcome::try_later : Outcome::broken;
  }

  int socket_;
};

}  // namespace

std::unique_ptr<WsStream> plain_stream(int socket) { return std::make_unique<PlainStream>(socket); }

}  // namespace charter::tests
