// Where the gateway is, from `--gateway`, and what may be told to it over a plain connection.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ipc/error.h"

namespace charter::supervisor {

struct GatewayAddress {
  bool tls = false;
  std::string host;  // name or literal address, without brackets: to resolve and to verify
  std::uint16_t port = 80;
  std::string host_header;  // as HTTP wants it: bracketed, the port only if it is not the default
  std::string target = "/daemon";
  // What the reference shows ("ws://127.0.0.1:8765/daemon"), without user name and password; names
  // the gateway in logs, in `status` and in cursors.
  std::string url;
  std::string credentials;  // "user:password" of the URL, or empty; a secret

  bool operator==(const GatewayAddress&) const = default;
};

// Reads the value of `--gateway` by the reference's rules. The error's text is the reference's,
// without "Invalid value for '--gateway': " in front.
[[nodiscard]] ipc::Result<GatewayAddress> parse_gateway_address(std::string_view text);

// How far a packet to an address travels.
enum class Reach { loopback, private_network, public_network };

[[nodiscard]] Reach reach_of(const boost::asio::ip::address& address);
// Known without asking a name server: a literal address or "localhost". Nothing for other names.
[[nodiscard]] std::optional<Reach> known_reach(const GatewayAddress& gateway);

// What becomes of a token on an unencrypted connection to `reach`; over TLS it is always `send`.
enum class TokenRule { send, send_with_warning, refuse };

[[nodiscard]] TokenRule token_rule(const GatewayAddress& gateway, Reach reach,
                                   bool insecure_token_allowed);

// The words for people that go with the last two rules; `where` is an address or a name.
[[nodiscard]] std::string token_warning(std::string_view where);
[[nodiscard]] std::string token_refusal(std::string_view where);

}  // namespace charter::supervisor
