#include "worker/yaml/scalar.h"

namespace charter::worker {
namespace {

// The six bits of a base64 letter, or -1.
int bits_of(char letter) {
  if (letter >= 'A' && letter <= 'Z') return letter - 'A';
  if (letter >= 'a' && letter <= 'z') return letter - 'a' + 26;
  if (letter >= '0' && letter <= '9') return letter - '0' + 52;
  if (letter == '+') return 62;
  return letter == '/' ? 63 : -1;
}

std::string bytes_repr(std::string_view bytes) {
  constexpr char kHex[] = "0123456789abcdef";
  const bool doubled =
      bytes.find('\'') != std::string_view::npos && bytes.find('"') == std::string_view::npos;
  const char quote = doubled ? '"' : '\'';
  std::string out = std::string("b") + quote;
  for (const char letter : bytes) {
    const auto byte = static_cast<unsigned char>(letter);
    if (letter == quote || letter == '\\') {
      out += '\\';
      out += letter;
    } else if (letter == '\n' || letter == '\r' || letter == '\t') {
      out += letter == '\n' ? "\\n" : letter == '\r' ? "\\r" : "\\t";
    } else if (byte >= 0x20 && byte < 0x7F) {
      out += letter;
    } else {
      out += "\\x";
      out += kHex[byte >> 4U];
      out += kHex[byte & 15U];
    }
  }
  return out + quote;
}

struct Decoded {
  std::string bytes;
  std::size_t letters = 0;
  bool complete = false;  // ended on a whole group, padding included
};

// As binascii does it: letters outside the alphabet are passed over, padding ends a group.
Decoded decode(std::string_view text) {
  Decoded out;
  unsigned pending = 0;
  std::size_t padding = 0;
  std::size_t group = 0;
  for (const char letter : text) {
    if (letter == '=') {
      if (group >= 2 && group + ++padding >= 4) return {out.bytes, out.letters, true};
      continue;
    }
    const int bits = bits_of(letter);
    if (bits < 0) continue;
    padding = 0;
    ++out.letters;
    pending = (pending << 6U) | static_cast<unsigned>(bits);
    if (group > 0) out.bytes += static_cast<char>(pending >> (6U - 2U * group) & 0xFFU);
    group = (group + 1) % 4;
  }
  out.complete = group == 0;
  return out;
}

}  // namespace

ScalarResult yaml_binary(std::string_view text) {
  for (const char letter : text) {
    if (static_cast<unsigned char>(letter) >= 0x80) {
      return ScalarFault{"failed to convert base64 data into ascii: it has other letters"};
    }
  }
  const Decoded decoded = decode(text);
  const std::string prefix = "failed to decode base64 data: ";
  if (!decoded.complete && decoded.letters % 4 == 1) {
    return ScalarFault{prefix + "Invalid base64-encoded string: number of data characters (" +
                       std::to_string(decoded.letters) + ") cannot be 1 more than a multiple of 4"};
  }
  if (!decoded.complete) return ScalarFault{prefix + "Incorrect padding"};
  const std::string repr = bytes_repr(decoded.bytes);
  return Value(Foreign{"bytes", repr, repr});
}

}  // namespace charter::worker
