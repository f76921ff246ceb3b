#include "supervisor/metrics_place.h"

#include <arpa/inet.h>

#include <charconv>

#include "ipc/layout.h"
#include "ipc/local_host.h"

namespace charter::supervisor {
namespace {

bool is_address(const std::string& text, bool six) {
  in6_addr bytes{};
  return ::inet_pton(six ? AF_INET6 : AF_INET, text.c_str(), &bytes) == 1;
}

}  // namespace

ipc::Result<MetricsPlace> read_metrics_place(std::string_view text) {
  constexpr std::string_view kUnix = "unix:";
  MetricsPlace place;
  if (text.starts_with(kUnix)) {
    place.path = text.substr(kUnix.size());
    if (place.path.empty()) return ipc::plain_error("'unix:' needs a path behind it");
    return place;
  }
  const auto malformed = [text] {
    return ipc::plain_error("'" + std::string(text) +
                            "' is neither an IP address and a port, like 127.0.0.1:9464, nor "
                            "unix:PATH");
  };
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return malformed();
  const std::string_view digits = text.substr(colon + 1);
  const char* end = digits.data() + digits.size();
  const auto [at, failed] = std::from_chars(digits.data(), end, place.port);
  if (failed != std::errc{} || at != end || digits.empty()) return malformed();
  place.address = text.substr(0, colon);
  const bool six = place.address.starts_with('[') && place.address.ends_with(']');
  if (six) place.address = place.address.substr(1, place.address.size() - 2);
  if (place.address == "localhost") place.address = "127.0.0.1";
  if (!is_address(place.address, six)) return malformed();
  if (!ipc::loopback_address(place.address)) {
    return ipc::plain_error("'" + std::string(text) +
                            "' is not a loopback address, and nobody is asked for a token here: "
                            "take 127.0.0.1 or unix:PATH, behind a proxy if need be");
  }
  return place;
}

}  // namespace charter::supervisor
