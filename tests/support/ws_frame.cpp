#include "tests/support/ws_frame.h"

#include <openssl/evp.h>
#include <openssl/sha.h>
#include <strings.h>

#include <array>

namespace charter::tests {
namespace {

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

std::string big_endian_bytes(std::uint64_t value, int count) {
  std::string bytes;
  for (int shift = 8 * (count - 1); shift >= 0; shift -= 8) {
    bytes += static_cast<char>(value >> shift & 0xFF);
  }
  return bytes;
}

void apply_mask(std::string& payload, std::string_view key) {
  for (std::size_t i = 0; i < payload.size(); ++i) {
    payload[i] = static_cast<char>(payload[i] ^ key[i % 4]);
  }
}

std::string bytes_with_length(const WsFrame& frame, std::string_view length, unsigned marker) {
  std::string bytes;
  const unsigned first = (frame.fin ? 0x80U : 0U) | static_cast<unsigned>(frame.reserved) << 4 |
                         static_cast<unsigned>(frame.opcode);
  bytes += static_cast<char>(first);
  bytes += static_cast<char>(marker | (frame.masked ? 0x80U : 0U));
  bytes += length;
  if (!frame.masked) return bytes + frame.payload;
  constexpr std::string_view kMask = "mask";
  std::string masked = frame.payload;
  apply_mask(masked, kMask);
  return bytes.append(kMask) + masked;
}

}  // namespace

std::optional<WsFrame> take_frame(std::string& bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const auto first = static_cast<unsigned char>(bytes[0]);
  const auto second = static_cast<unsigned char>(bytes[1]);
  std::size_t at = 2;
  std::uint64_t length = second & 0x7F;
  const std::size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
  if (bytes.size() < at + extended) return std::nullopt;
  if (extended > 0) length = big_endian(std::string_view(bytes).substr(at, extended));
  at += extended;
  WsFrame frame;
  frame.fin = (first & 0x80) != 0;
  frame.reserved = static_cast<std::uint8_t>(first >> 4 & 7);
  frame.opcode = static_cast<WsOpcode>(first & 0x0F);
  frame.masked = (second & 0x80) != 0;
  const std::size_t key_at = at;
  if (frame.masked) at += 4;
  if (bytes.size() < at || bytes.size() - at < length) return std::nullopt;
  frame.payload = bytes.substr(at, length);
  if (frame.masked) apply_mask(frame.payload, std::string_view(bytes).substr(key_at, 4));
  bytes.erase(0, at + length);
  return frame;
}

std::string frame_bytes(const WsFrame& frame) {
  const std::size_t size = frame.payload.size();
  if (size < 126) return bytes_with_length(frame, "", static_cast<unsigned>(size));
  if (size < 65536) return bytes_with_length(frame, big_endian_bytes(size, 2), 126);
  return long_frame_bytes(frame);
}

std::string long_frame_bytes(const WsFrame& frame) {
  return bytes_with_length(frame, big_endian_bytes(frame.payload.size(), 8), 127);
}

std::string close_payload(std::uint16_t code, std::string_view reason) {
  return big_endian_bytes(code, 2).append(reason);
}

std::string accept_key(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  std::array<unsigned char, 32> base64{};
  const int size = EVP_EncodeBlock(base64.data(), digest.data(), static_cast<int>(digest.size()));
  return {reinterpret_cast<const char*>(base64.data()), static_cast<std::size_t>(size)};
}

std::optional<std::string> http_header(std::string_view head, std::string_view name) {
  std::size_t at = head.find("\r\n");
  while (at != std::string_view::npos) {
    const std::size_t start = at + 2;
    at = head.find("\r\n", start);
    const std::string_view line = head.substr(start, at == head.npos ? head.npos : at - start);
    const std::size_t colon = line.find(':');
    if (colon != name.size() || ::strncasecmp(line.data(), name.data(), name.size()) != 0) continue;
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    return std::string(value);
  }
  return std::nullopt;
}

}  // namespace charter::tests
