#include "gateway/access.h"

#include "ipc/ascii.h"
#include "ipc/local_host.h"

namespace charter::gateway {

bool local_host(std::string_view host) { return ipc::local_host(host); }

bool same_origin(std::string_view origin, std::string_view host) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (origin.starts_with(scheme)) {
      return ipc::ascii_lower(origin.substr(scheme.size())) == ipc::ascii_lower(host);
    }
  }
  return false;
}

bool Access::token_matches(std::string_view authorization) const {
  constexpr std::string_view kBearer = "bearer ";
  if (ipc::ascii_lower(authorization.substr(0, kBearer.size())) != kBearer) return false;
  authorization.remove_prefix(kBearer.size());
  // Takes the same time wherever the first difference is.
  unsigned difference = authorization.size() == token_.size() ? 0 : 1;
  for (std::size_t at = 0; at < authorization.size(); ++at) {
    const char expected = token_[at % token_.size()];
    difference |= static_cast<unsigned char>(authorization[at] ^ expected);
  }
  return difference == 0;
}

std::optional<ApiError> Access::refuse(const boost::beast::http::fields& headers, bool changes,
                                       bool open_to_all) const {
  namespace http = boost::beast::http;
  if (headers.count(http::field::host) != 1) {
    return ApiError{400, "bad_request", "exactly one Host header is needed"};
  }
  const std::string_view host = headers[http::field::host];
  if (!has_token() && !local_host(host)) {
    return ApiError{403, "forbidden_host", "the Host header does not name this machine"};
  }
  if (changes) {
    const auto [first, last] = headers.equal_range(http::field::origin);
    for (auto at = first; at != last; ++at) {
      if (same_origin(at->value(), host)) continue;
      return ApiError{403, "forbidden_origin", "requests from other sites are refused"};
    }
  }
  if (has_token() && !open_to_all && !token_matches(headers[http::field::authorization])) {
    return ApiError{401, "unauthorized", "a valid bearer token is needed"};
  }
  return std::nullopt;
}

}  // namespace charter::gateway
