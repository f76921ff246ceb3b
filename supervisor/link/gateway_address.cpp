#include "supervisor/link/gateway_address.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "ipc/ascii.h"

namespace charter::supervisor {
namespace {

namespace ip = boost::asio::ip;

constexpr std::string_view kWorkerPath = "/daemon";

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Python's urlsplit drops control characters and spaces in front, and tabs and line ends anywhere.
std::string cleaned(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (out.empty() && byte <= 0x20) continue;
    if (c == '\t' || c == '\r' || c == '\n') continue;
    out += c;
  }
  return out;
}

struct UrlParts {
  std::string scheme;
  std::string netloc;
  std::string path;
  bool has_query_or_fragment = false;  // one that is not empty
};

std::string take_scheme(std::string_view& rest) {
  const std::size_t colon = rest.find(':');
  if (colon == std::string_view::npos || colon == 0 || !is_letter(rest.front())) return {};
  const std::string_view scheme = rest.substr(0, colon);
  const bool valid = std::all_of(scheme.begin(), scheme.end(), [](char c) {
    return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.';
  });
  if (!valid) return {};
  rest.remove_prefix(colon + 1);
  return ipc::ascii_lower(scheme);
}

UrlParts split_url(std::string_view text) {
  UrlParts parts;
  parts.scheme = take_scheme(text);
  if (text.starts_with("//")) {
    text.remove_prefix(2);
    const std::size_t end = std::min(text.find_first_of("/?#"), text.size());
    parts.netloc = text.substr(0, end);
    text.remove_prefix(end);
  }
  const std::size_t hash = text.find('#');
  if (hash != std::string_view::npos) {
    parts.has_query_or_fragment = hash + 1 < text.size();
    text = text.substr(0, hash);
  }
  const std::size_t question = text.find('?');
  if (question != std::string_view::npos) {
    parts.has_query_or_fragment |= question + 1 < text.size();
    text = text.substr(0, question);
  }
  // urlparse takes ";parameters" off the last segment for these two schemes only.
  if (parts.scheme == "http" || parts.scheme == "https") {
    text = text.substr(
        0, text.find(';', text.rfind('/') == std::string_view::npos ? 0 : text.rfind('/')));
  }
  parts.path = text;
  return parts;
}

bool is_host_name(std::string_view host) {
  return !host.empty() && std::all_of(host.begin(), host.end(), [](char c) {
    return is_letter(c) || is_digit(c) || c == '.' || c == '-' || c == '_' || c == '~';
  });
}

ipc::Error not_a_host() {
  return ipc::plain_error(
      "must name a host as letters, digits, dots and hyphens, or an address "
      "(IPv6 in brackets; international names in their xn-- form)");
}

ipc::Result<std::uint16_t> read_port(std::string_view text, std::uint16_t otherwise) {
  if (text.empty()) return otherwise;
  unsigned port = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (code != std::errc{} || end != text.data() + text.size() || port == 0 || port > 65535) {
    return ipc::plain_error("must have a port between 1 and 65535");
  }
  return static_cast<std::uint16_t>(port);
}

// "[host]" or "host", then ":port" or nothing.
ipc::Result<void> read_host_and_port(std::string_view text, GatewayAddress& address) {
  std::string_view port;
  std::string bracketed;
  if (text.starts_with('[')) {
    const std::size_t close = text.find(']');
    if (close == std::string_view::npos) return not_a_host();
    const std::string_view after = text.substr(close + 1);
    if (!after.empty() && after.front() != ':') return not_a_host();
    port = after.empty() ? after : after.substr(1);
    address.host = ipc::ascii_lower(text.substr(1, close - 1));
    boost::system::error_code error;
    (void)ip::make_address_v6(address.host, error);
    if (error) return not_a_host();
    // A zone means something on this machine only, so the gateway does not hear of it.
    bracketed = "[" + address.host.substr(0, address.host.find('%')) + "]";
  } else {
    const std::size_t colon = std::min(text.find(':'), text.size());
    if (colon < text.size()) port = text.substr(colon + 1);
    address.host = ipc::ascii_lower(text.substr(0, colon));
    if (!is_host_name(address.host)) return not_a_host();
    bracketed = address.host;
  }
  const std::uint16_t usual = address.tls ? 443 : 80;
  auto number = read_port(port, usual);
  if (!number) return number.error();
  address.port = *number;
  address.host_header =
      address.port == usual ? bracketed : bracketed + ":" + std::to_string(address.port);
  return {};
}

// Percent-decodes; a broken escape stays as it is.
std::string unescaped(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned byte = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(&text[i + 1], &text[i + 1] + 2, byte, 16).ptr == &text[i + 1] + 2) {
      out += static_cast<char>(byte);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

bool is_private(const ip::address_v4& address) {
  const std::uint32_t bits = address.to_uint();
  const auto within = [bits](std::uint32_t network, unsigned prefix) {
    return (bits >> (32 - prefix)) == (network >> (32 - prefix));
  };
  return within(0x0A000000, 8) || within(0xAC100000, 12) || within(0xC0A80000, 16) ||
         within(0xA9FE0000, 16) ||  // link-local
         within(0x64400000, 10);    // carriers' and overlay networks' shared space
}

Reach reach_of_v4(const ip::address_v4& address) {
  // The unspecified address means this machine when one connects to it.
  if (address.is_loopback() || address.is_unspecified()) return Reach::loopback;
  return is_private(address) ? Reach::private_network : Reach::public_network;
}

}  // namespace

ipc::Result<GatewayAddress> parse_gateway_address(std::string_view text) {
  const std::string clean = cleaned(text);
  const UrlParts parts = split_url(clean);
  GatewayAddress address;
  if (parts.scheme == "https" || parts.scheme == "wss") {
    address.tls = true;
  } else if (parts.scheme != "http" && parts.scheme != "ws") {
    return ipc::plain_error("unsupported scheme '" + parts.scheme +
                            "'; use http, https, ws, or wss");
  }
  if (parts.netloc.empty()) {
    return ipc::plain_error("must include a host (e.g. http://127.0.0.1:8765)");
  }
  if (!parts.path.empty() && parts.path != "/") {
    return ipc::plain_error(
        "must not include a path; the daemon appends the worker endpoint itself");
  }
  if (parts.has_query_or_fragment) {
    return ipc::plain_error("must not include a query string or fragment");
  }
  std::string_view place = parts.netloc;
  const std::size_t at = place.rfind('@');
  if (at != std::string_view::npos) {
    address.credentials = unescaped(place.substr(0, at));
    if (address.credentials.find(':') == std::string::npos) address.credentials += ':';
    place.remove_prefix(at + 1);
  }
  if (auto read = read_host_and_port(place, address); !read) return read.error();
  address.target = kWorkerPath;
  address.url = (address.tls ? "wss://" : "ws://") + std::string(place) + address.target;
  return address;
}

Reach reach_of(const ip::address& address) {
  if (address.is_v4()) return reach_of_v4(address.to_v4());
  const ip::address_v6 v6 = address.to_v6();
  if (v6.is_v4_mapped()) return reach_of_v4(ip::make_address_v4(ip::v4_mapped, v6));
  if (v6.is_loopback() || v6.is_unspecified()) return Reach::loopback;
  const bool unique_local = (v6.to_bytes()[0] & 0xFE) == 0xFC;
  return unique_local || v6.is_link_local() ? Reach::private_network : Reach::public_network;
}

std::optional<Reach> known_reach(const GatewayAddress& gateway) {
  if (gateway.host == "localhost") return Reach::loopback;
  boost::system::error_code error;
  const ip::address address = ip::make_address(gateway.host, error);
  if (error) return std::nullopt;
  return reach_of(address);
}

TokenRule token_rule(const GatewayAddress& gateway, Reach reach, bool insecure_token_allowed) {
  if (gateway.tls || reach == Reach::loopback) return TokenRule::send;
  if (reach == Reach::private_network || insecure_token_allowed) {
    return TokenRule::send_with_warning;
  }
  return TokenRule::refuse;
}

std::string token_warning(std::string_view where) {
  return "the gateway token travels unencrypted to " + std::string(where) +
         "; use an https gateway outside a trusted network";
}

std::string token_refusal(std::string_view where) {
  return "the gateway token is not sent unencrypted to the public address " + std::string(where) +
         "; use an https gateway, or allow it with --insecure-token";
}

}  // namespace charter::supervisor
