#include "worker/json/unicode.h"

#include <algorithm>

#include "worker/json/unicode_tables.h"

namespace charter::worker {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

bool contains(const CodeRange* table, std::size_t count, char32_t point) {
  const CodeRange* end = table + count;
  const CodeRange* range = std::upper_bound(
      table, end, point, [](char32_t value, const CodeRange& item) { return value < item.first; });
  return range != table && point <= (range - 1)->last;
}

unsigned char byte_at(std::string_view text, std::size_t at) {
  return static_cast<unsigned char>(text[at]);
}

bool continues(std::string_view text, std::size_t at) {
  return at < text.size() && (byte_at(text, at) & 0xC0U) == 0x80U;
}

// How many bytes the lead byte announces and which second bytes are right; 0 for no lead byte.
struct Lead {
  std::size_t length = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xBF;
};

Lead lead_of(unsigned char byte, bool surrogates) {
  if (byte < 0x80) return {1};
  if (byte >= 0xC2 && byte <= 0xDF) return {2};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED && !surrogates) return {3, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return {3};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte >= 0xF1 && byte <= 0xF3) return {4};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {};
}

// How many bytes from `at` on are right, the lead byte included.
std::size_t good_bytes(std::string_view text, std::size_t at, const Lead& lead) {
  std::size_t good = 1;
  if (lead.length < 2 || at + 1 >= text.size()) return good;
  const unsigned char second = byte_at(text, at + 1);
  if (second < lead.low || second > lead.high) return good;
  for (good = 2; good < lead.length && continues(text, at + good); ++good) {
  }
  return good;
}

std::string hex_byte(unsigned char byte) {
  constexpr char kHex[] = "0123456789abcdef";
  return {'0', 'x', kHex[byte >> 4U], kHex[byte & 15U]};
}

std::string codec_fault(std::string_view bytes, std::size_t at, std::size_t length,
                        std::string_view why) {
  std::string text = "'utf-8' codec can't decode ";
  if (length == 1) {
    text += "byte " + hex_byte(byte_at(bytes, at)) + " in position " + std::to_string(at);
  } else {
    text += "bytes in position " + std::to_string(at) + "-" + std::to_string(at + length - 1);
  }
  return text.append(": ").append(why);
}

}  // namespace

char32_t next_code_point(std::string_view text, std::size_t& at) {
  const unsigned char first = byte_at(text, at);
  const Lead lead = lead_of(first, true);
  if (lead.length == 0 || good_bytes(text, at, lead) < lead.length) {
    ++at;
    return kReplacement;
  }
  char32_t point = lead.length == 1 ? first : first & (0x7FU >> lead.length);
  for (std::size_t i = 1; i < lead.length; ++i) {
    point = (point << 6U) | (byte_at(text, at + i) & 0x3FU);
  }
  at += lead.length;
  return point;
}

void append_utf8(std::string& out, char32_t point) {
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0U | (point >> 6U));
    out += static_cast<char>(0x80U | (point & 0x3FU));
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0U | (point >> 12U));
    out += static_cast<char>(0x80U | ((point >> 6U) & 0x3FU));
    out += static_cast<char>(0x80U | (point & 0x3FU));
  } else {
    out += static_cast<char>(0xF0U | (point >> 18U));
    out += static_cast<char>(0x80U | ((point >> 12U) & 0x3FU));
    out += static_cast<char>(0x80U | ((point >> 6U) & 0x3FU));
    out += static_cast<char>(0x80U | (point & 0x3FU));
  }
}

bool is_printable(char32_t point) {
  if (point < 0x7F) return point >= 0x20;
  return !contains(kUnprintable, kUnprintableCount, point);
}

bool is_alnum(char32_t point) { return contains(kAlphanumeric, kAlphanumericCount, point); }

bool is_word(char32_t point) { return point == U'_' || is_alnum(point); }

bool is_space(char32_t point) {
  if (point < 0x80) return (point >= 9 && point <= 13) || (point >= 28 && point <= 32);
  return point == 0x85 || point == 0xA0 || point == 0x1680 ||
         (point >= 0x2000 && point <= 0x200A) || point == 0x2028 || point == 0x2029 ||
         point == 0x202F || point == 0x205F || point == 0x3000;
}

int decimal_digit(char32_t point) {
  const char32_t* end = kDigitZeros + kDigitZerosCount;
  const char32_t* zero = std::upper_bound(kDigitZeros, end, point);
  if (zero == kDigitZeros) return -1;
  const char32_t distance = point - *(zero - 1);
  return distance < 10 ? static_cast<int>(distance) : -1;
}

std::string_view strip(std::string_view text) {
  std::size_t begin = 0;
  while (begin < text.size()) {
    std::size_t next = begin;
    if (!is_space(next_code_point(text, next))) break;
    begin = next;
  }
  std::size_t end = begin;
  for (std::size_t at = begin; at < text.size();) {
    if (!is_space(next_code_point(text, at))) end = at;
  }
  return text.substr(begin, end - begin);
}

std::string utf8_fault(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const Lead lead = lead_of(byte_at(bytes, at), false);
    if (lead.length == 0) return codec_fault(bytes, at, 1, "invalid start byte");
    const std::size_t good = good_bytes(bytes, at, lead);
    if (good < lead.length) {
      const bool at_end = at + good >= bytes.size();
      return codec_fault(bytes, at, good,
                         at_end ? "unexpected end of data" : "invalid continuation byte");
    }
    at += lead.length;
  }
  return {};
}

}  // namespace charter::worker
