#include "supervisor/link/credentials.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "ipc/unique_fd.h"

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

constexpr std::size_t kMostTokenBytes = 8192;  // servers take no longer headers

std::string_view stripped(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\v\f";
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

}  // namespace

std::string basic_authorization(std::string_view credentials) {
  return "Basic " + base64(credentials);
}

std::string authorization_for(const GatewayAddress& gateway, std::string_view token) {
  if (!token.empty()) return "Bearer " + std::string(token);
  if (!gateway.credentials.empty()) return basic_authorization(gateway.credentials);
  return {};
}

std::optional<std::string> token_problem(std::string_view token) {
  const bool printable =
      std::all_of(token.begin(), token.end(), [](char c) { return c >= ' ' && c != 0x7F; });
  if (printable) return std::nullopt;
  return "the gateway token holds characters that an HTTP header cannot carry";
}

ipc::Result<std::string> read_token_file(const std::string& path) {
  const std::string what = "token file " + path;
  const ipc::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return ipc::errno_error(what);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return ipc::errno_error(what);
  if (!S_ISREG(status.st_mode)) return ipc::plain_error(what + ": not a regular file");
  std::array<char, kMostTokenBytes + 1> bytes{};
  const ssize_t count = ::read(file.get(), bytes.data(), bytes.size());
  if (count < 0) return ipc::errno_error(what);
  if (static_cast<std::size_t>(count) > kMostTokenBytes) {
    return ipc::plain_error(what + ": longer than " + std::to_string(kMostTokenBytes) + " bytes");
  }
  const std::string_view token = stripped({bytes.data(), static_cast<std::size_t>(count)});
  if (token.empty()) return ipc::plain_error(what + ": empty");
  if (token_problem(token)) {
    return ipc::plain_error(what + ": holds characters that an HTTP header cannot carry");
  }
  return std::string(token);
}

}  // namespace charter::supervisor
