// One HTTP request to a server on loopback, with nothing but a socket.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace charter::tests {

struct HttpAnswer {
  int status = 0;  // 0: no answer
  std::string head;
  std::string body;
};

// `port` of 127.0.0.1. A body is sent as JSON; `token` as the bearer's, unless it is empty.
[[nodiscard]] HttpAnswer http(std::uint16_t port, std::string_view method, std::string_view path,
                              std::string_view body = {}, std::string_view token = {});

// The same with a request as it is, which is answered by a closed connection in the end.
[[nodiscard]] HttpAnswer raw_http(std::uint16_t port, std::string_view request);

// A connection to `port` of 127.0.0.1 that says nothing, or -1. The caller closes it.
[[nodiscard]] int connect_to_port(std::uint16_t port);

}  // namespace charter::tests
