#include "ipc/local_host.h"

#include <arpa/inet.h>

#include <algorithm>
#include <optional>
#include <string>

namespace charter::ipc {
namespace {

bool all_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

// The host without its port; nothing when it has no such form.
std::optional<std::string_view> without_port(std::string_view host) {
  const auto bracket = host.find(']');
  const std::size_t from = host.starts_with('[') ? bracket : 0;
  if (from == std::string_view::npos) return std::nullopt;
  const auto colon = host.find(':', from);
  if (colon == std::string_view::npos) return host;
  if (!all_digits(host.substr(colon + 1))) return std::nullopt;
  return host.substr(0, colon);
}

bool is_localhost(std::string_view name) {
  return std::ranges::equal(name, std::string_view("localhost"), [](char one, char other) {
    return (one >= 'A' && one <= 'Z' ? one - 'A' + 'a' : one) == other;
  });
}

}  // namespace

bool loopback_address(std::string_view text) {
  const std::string address(text);
  in_addr four{};
  if (::inet_pton(AF_INET, address.c_str(), &four) == 1) return ntohl(four.s_addr) >> 24U == 127;
  in6_addr six{};
  return ::inet_pton(AF_INET6, address.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

bool local_host(std::string_view host) {
  auto name = without_port(host);
  if (!name) return false;
  if (is_localhost(*name)) return true;
  if (name->starts_with('[') && name->ends_with(']')) *name = name->substr(1, name->size() - 2);
  return loopback_address(*name);
}

}  // namespace charter::ipc
