// WebSocket frames as bytes (RFC 6455), written anew for the tests so that they check the real
// client against something it does not share.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace charter::tests {

enum class WsOpcode : std::uint8_t {
  more = 0,
  text = 1,
  binary = 2,
  close = 8,
  ping = 9,
  pong = 10
};

struct WsFrame {
  bool fin = true;
  std::uint8_t reserved = 0;  // the three bits behind `fin`
  WsOpcode opcode = WsOpcode::text;
  bool masked = false;
  std::string payload;  // unmasked
};

// Takes the first whole frame off `bytes`; nothing while it is incomplete.
[[nodiscard]] std::optional<WsFrame> take_frame(std::string& bytes);

// As a server sends it; a frame that says it is masked gets a mask, which no server may do.
[[nodiscard]] std::string frame_bytes(const WsFrame& frame);
// The same with the length in eight bytes, however short the payload is.
[[nodiscard]] std::string long_frame_bytes(const WsFrame& frame);
[[nodiscard]] std::string close_payload(std::uint16_t code, std::string_view reason);

// The answer to a Sec-WebSocket-Key.
[[nodiscard]] std::string accept_key(std::string_view key);

// The value of a header in the head of an HTTP message; names compare without case.
[[nodiscard]] std::optional<std::string> http_header(std::string_view head, std::string_view name);

}  // namespace charter::tests
