#include "supervisor/link/proxy.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <initializer_list>
#include <utility>

#include "ipc/ascii.h"

namespace charter::supervisor {
namespace {

namespace ip = boost::asio::ip;

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// "host:80" without its port, which must be `port`; nothing where it is another. An IPv6 address
// has a port only behind brackets.
std::optional<std::string> without_port(std::string_view entry, std::uint16_t port) {
  std::string_view rest;
  if (entry.starts_with('[')) {
    const std::size_t close = entry.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    rest = entry.substr(close + 1);
    entry = entry.substr(1, close - 1);
    if (!rest.empty()) rest.remove_prefix(1);
  } else if (entry.find(':') == entry.rfind(':') && entry.find(':') != std::string_view::npos) {
    rest = entry.substr(entry.find(':') + 1);
    entry = entry.substr(0, entry.find(':'));
  }
  if (!rest.empty() && rest != std::to_string(port)) return std::nullopt;
  return std::string(entry);
}

bool is_in_network(const ip::address& address, std::string_view text) {
  boost::system::error_code error;
  if (address.is_v4()) {
    const auto network = ip::make_network_v4(std::string(text), error);
    if (error) return false;
    return ip::make_network_v4(address.to_v4(), network.prefix_length()).canonical() ==
           network.canonical();
  }
  const auto network = ip::make_network_v6(std::string(text), error);
  if (error) return false;
  return ip::network_v6(address.to_v6(), network.prefix_length()).canonical() ==
         network.canonical();
}

bool names_host(std::string_view entry, std::string_view host) {
  boost::system::error_code no_address;
  const ip::address address = ip::make_address(std::string(host), no_address);
  if (!no_address) {
    boost::system::error_code error;
    const ip::address other = ip::make_address(std::string(entry), error);
    return error ? is_in_network(address, entry) : other == address;
  }
  if (entry.starts_with("*.")) entry.remove_prefix(1);
  if (entry.starts_with('.')) entry.remove_prefix(1);
  if (entry.empty() || !host.ends_with(entry)) return false;
  return host.size() == entry.size() || host[host.size() - entry.size() - 1] == '.';
}

std::optional<std::pair<const char*, std::string>> first_set(
    const Environment& environment, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    auto value = environment(name);
    if (value && !trimmed(*value).empty()) return std::pair(name, std::string(trimmed(*value)));
  }
  return std::nullopt;
}

// "http://user:password@host:port", where all but the host may be missing. The grammar is that of
// a gateway's address, so that is what reads it.
ipc::Result<Proxy> parse_proxy(const char* variable, std::string_view value) {
  const std::size_t scheme_end = value.find("://");
  const std::string scheme =
      scheme_end == value.npos ? "http" : ipc::ascii_lower(value.substr(0, scheme_end));
  if (scheme != "http") {
    return ipc::plain_error(std::string(variable) + " names a proxy of the kind '" +
                            scheme.substr(0, 16) + "'; only http proxies are supported");
  }
  const std::string_view rest = scheme_end == value.npos ? value : value.substr(scheme_end + 3);
  const auto address = parse_gateway_address("http://" + std::string(rest));
  if (!address) {
    return ipc::plain_error(std::string(variable) + ": the proxy " + address.error().what);
  }
  Proxy proxy{address->host, address->port, address->credentials, {}};
  proxy.shown = address->host_header;
  return proxy;
}

}  // namespace

bool is_exempt(std::string_view list, std::string_view host, std::uint16_t port) {
  const std::string name = ipc::ascii_lower(host);
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string entry = ipc::ascii_lower(trimmed(list.substr(0, comma)));
    list.remove_prefix(std::min(comma + 1, list.size()));
    if (entry == "*") return true;
    const auto bare = without_port(entry, port);
    if (bare && names_host(*bare, name)) return true;
  }
  return false;
}

ipc::Result<std::optional<Proxy>> proxy_for(const GatewayAddress& gateway,
                                            const Environment& environment) {
  if (known_reach(gateway) == Reach::loopback) return std::optional<Proxy>();
  const auto set =
      gateway.tls ? first_set(environment, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
                  : first_set(environment, {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"});
  if (!set) return std::optional<Proxy>();
  const auto exempt = first_set(environment, {"no_proxy", "NO_PROXY"});
  if (exempt && is_exempt(exempt->second, gateway.host, gateway.port)) {
    return std::optional<Proxy>();
  }
  auto proxy = parse_proxy(set->first, set->second);
  if (!proxy) return proxy.error();
  return std::optional<Proxy>(std::move(*proxy));
}

}  // namespace charter::supervisor
