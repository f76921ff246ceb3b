#include "supervisor/link/credentials.h"

#include <algorithm>
#include <cstdint>

namespace charter::supervisor {
namespace {

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = (group << 8) | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      out += k <= count ? kDigits[(group >> (18 - 6 * k)) & 0x3F] : '=';
    }
  }
  return out;
}

}  // namespace

std::string authorization_for(const GatewayAddress& gateway, std::string_view token) {
  if (!token.empty()) return "Bearer " + std::string(token);
  if (!gateway.credentials.empty()) return "Basic " + base64(gateway.credentials);
  return {};
}

std::optional<std::string> token_problem(std::string_view token) {
  const bool printable =
      std::all_of(token.begin(), token.end(), [](char c) { return c >= ' ' && c != 0x7F; });
  if (printable) return std::nullopt;
  return "the gateway token holds characters that an HTTP header cannot carry";
}

}  // namespace charter::supervisor
