#include "ipc/json_text.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "ipc/json_scan.h"
#include "ipc/utf8.h"

namespace charter::ipc {
namespace {

unsigned hex_number(std::string_view digits) {
  unsigned number = 0;
  for (const char c : digits) number = number * 16 + static_cast<unsigned>(hex_digit(c));
  return number;
}

// The character of the \u escape at the front of `body`, which is removed from it, together with
// its second half where there is one.
char32_t take_unicode_escape(std::string_view& body) {
  const unsigned first = hex_number(body.substr(2, 4));
  body.remove_prefix(6);
  if (first < 0xD800 || first > 0xDFFF) return first;
  if (first < 0xDC00 && body.starts_with("\\u")) {
    const unsigned second = hex_number(body.substr(2, 4));
    if (second >= 0xDC00 && second <= 0xDFFF) {
      body.remove_prefix(6);
      return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
    }
  }
  return 0xFFFD;
}

}  // namespace

// Eight bytes at a time: a subtraction sets the high bit of a byte that was smaller, and then
// perhaps of those above it, but of none in a word where no byte was.
std::size_t plain_length(std::string_view text) {
  constexpr std::uint64_t kOnes = 0x0101010101010101U;
  constexpr std::uint64_t kHigh = 0x8080808080808080U;
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data() + at, sizeof word);
    const std::uint64_t quote = word ^ (kOnes * '"');
    const std::uint64_t backslash = word ^ (kOnes * '\\');
    const std::uint64_t special =
        word | (word - kOnes * 0x20) | (quote - kOnes) | (backslash - kOnes);
    if ((special & kHigh) != 0) break;
  }
  for (; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x20 || byte >= 0x80 || byte == '"' || byte == '\\') break;
  }
  return at;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decoded_string(std::string_view raw) {
  std::string_view body = raw.substr(1, raw.size() - 2);
  std::string out;
  out.reserve(body.size());
  while (!body.empty()) {
    const std::size_t plain = std::min(body.find('\\'), body.size());
    out += body.substr(0, plain);
    body.remove_prefix(plain);
    if (body.empty()) break;
    if (body[1] == 'u') {
      append_utf8(out, take_unicode_escape(body));
      continue;
    }
    constexpr std::string_view kNames = "bfnrt";
    constexpr std::string_view kMeanings = "\b\f\n\r\t";
    const std::size_t name = kNames.find(body[1]);
    out += name == std::string_view::npos ? body[1] : kMeanings[name];
    body.remove_prefix(2);
  }
  return out;
}

std::string quoted(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out = "\"";
  out.reserve(text.size() + 2);
  while (!text.empty()) {
    const std::size_t plain = plain_length(text);
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const auto byte = static_cast<unsigned char>(text.front());
    std::size_t length = 1;
    if (byte == '"' || byte == '\\') {
      out += {'\\', text.front()};
    } else if (byte == '\n') {
      out += "\\n";
    } else if (byte < 0x20) {
      out += "\\u00";
      out += {kDigits[byte >> 4], kDigits[byte & 15]};
    } else {
      const Utf8Sequence sequence = utf8_sequence(text);
      length = sequence.length;
      out += sequence.valid ? text.substr(0, length) : kReplacement;
    }
    text.remove_prefix(length);
  }
  return out += '"';
}

}  // namespace charter::ipc
