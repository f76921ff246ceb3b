// Whether the way to the gateway leads through a proxy, by the variables everybody uses.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "ipc/error.h"
#include "supervisor/link/gateway_address.h"

namespace charter::supervisor {

struct Proxy {
  std::string host;
  std::uint16_t port = 0;
  std::string credentials;  // "user:password" or empty; a secret
  std::string shown;        // "host:port", for people

  bool operator==(const Proxy&) const = default;
};

// The value of an environment variable; nothing when it is not set.
using Environment = std::function<std::optional<std::string>(const char* name)>;

// For an https gateway the first of https_proxy, HTTPS_PROXY, all_proxy and ALL_PROXY that is not
// empty, for another one http_proxy and so on; nothing where no_proxy or NO_PROXY names the
// gateway, and never for a gateway on this machine. An error names the variable that cannot be
// used, without its value, which may hold a password.
[[nodiscard]] ipc::Result<std::optional<Proxy>> proxy_for(const GatewayAddress& gateway,
                                                          const Environment& environment);

// Whether a NO_PROXY list names the host: "*", a name or a domain with or without a dot in front,
// an address, or a network ("10.0.0.0/8"); any of them with a port, which then must be the same.
[[nodiscard]] bool is_exempt(std::string_view list, std::string_view host, std::uint16_t port);

}  // namespace charter::supervisor
