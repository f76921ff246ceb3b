// What reaches the embedded gateway over a connection, any bytes in any pieces: each is answered by
// HTTP or not at all, whatever it asks for, and the connection ends when its other end does. The
// bytes may be requests, one after the other, a daemon's WebSocket, or neither.
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "check.h"
#include "gateway/access.h"
#include "gateway/api.h"
#include "gateway/http_session.h"
#include "gateway/hub.h"
#include "gateway/store_thread.h"
#include "ipc/unique_fd.h"

namespace charter::gateway {
namespace {

constexpr std::chrono::seconds kPatience{20};

class FuzzedGateway {
 public:
  FuzzedGateway() { store_.start(); }

  void serve(std::string_view bytes) {
    if (bytes.empty()) return;
    const std::size_t piece = static_cast<unsigned char>(bytes.front()) * std::size_t{4} + 1;
    bytes.remove_prefix(1);
    int ends[2];
    CHARTER_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    ipc::UniqueFd client(ends[1]);
    boost::asio::ip::tcp::socket socket(loop_);
    socket.assign(boost::asio::ip::tcp::v4(), ends[0]);
    auto place = count_.take();
    CHARTER_CHECK(place != nullptr);
    std::make_shared<HttpSession>(std::move(socket), std::move(place), services_)->start();
    std::string answer;
    while (!bytes.empty()) {
      const auto part = bytes.substr(0, piece);
      const ssize_t sent = ::send(client.get(), part.data(), part.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) break;  // it has heard enough
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
      turn();
      receive(client, answer);
    }
    ::shutdown(client.get(), SHUT_WR);
    CHARTER_CHECK(until([&] {
      receive(client, answer);
      return is_free() || at_end(client);
    }));
    receive(client, answer);
    CHARTER_CHECK(answer.empty() || answer.starts_with("HTTP/1."));
    client.reset();
    CHARTER_CHECK(until([this] { return is_free(); }));
  }

 private:
  static std::string make_directory() {
    std::string path = "/tmp/charter-fuzz-XXXXXX";
    CHARTER_CHECK(::mkdtemp(path.data()) != nullptr);
    return path;
  }

  // Only one connection is allowed, so there can be another when this one is gone.
  bool is_free() { return count_.take() != nullptr; }

  static bool at_end(const ipc::UniqueFd& client) {
    char byte = 0;
    return ::recv(client.get(), &byte, 1, MSG_PEEK) == 0;
  }

  void turn() {
    loop_.restart();
    loop_.poll();
  }

  template <class Condition>
  bool until(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      loop_.restart();
      loop_.run_one_for(std::chrono::milliseconds(5));
    }
    return true;
  }

  static void receive(const ipc::UniqueFd& client, std::string& answer) {
    char buffer[4096];
    for (ssize_t got = 0; (got = ::recv(client.get(), buffer, sizeof buffer, 0)) > 0;) {
      answer.append(buffer, static_cast<std::size_t>(got));
    }
  }

  boost::asio::io_context loop_{1};
  Access access_{""};
  StoreThread store_{make_directory(), loop_.get_executor(),
                     [](const std::string&) { CHARTER_CHECK(!"the store failed"); }};
  Hub hub_{loop_.get_executor(), store_};
  Api api_{store_, hub_};
  const Services services_{access_, store_, hub_, api_};
  ConnectionCount count_{1};
};

}  // namespace
}  // namespace charter::gateway

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static auto* gateway = new charter::gateway::FuzzedGateway();
  gateway->serve({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
