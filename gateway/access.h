// Who may speak to the gateway.
//
// Without a token it listens on loopback only, and what reaches it there may still come from a
// browser that some web site has sent: by a name that resolves to loopback (so the Host must be a
// local one) or straight across sites (so the Origin must be the gateway itself).
#pragma once

#include <boost/beast/http/fields.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/api_types.h"

namespace charter::gateway {

class Access {
 public:
  // An empty token asks for none.
  explicit Access(std::string token) : token_(std::move(token)) {}

  [[nodiscard]] bool has_token() const { return !token_.empty(); }

  // Why a request is refused; nothing when it may go on. `changes`: it changes state, or opens a
  // connection that may. `open_to_all`: no token is asked for.
  [[nodiscard]] std::optional<ApiError> refuse(const boost::beast::http::fields& headers,
                                               bool changes, bool open_to_all) const;

 private:
  [[nodiscard]] bool token_matches(std::string_view authorization) const;

  std::string token_;  // never logged
};

// Whether a Host header names this machine itself: localhost or a loopback address, with or
// without a port.
[[nodiscard]] bool local_host(std::string_view host);
// Whether an Origin header ("https://example:8765") is of that very host and port.
[[nodiscard]] bool same_origin(std::string_view origin, std::string_view host);

}  // namespace charter::gateway
