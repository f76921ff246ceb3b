#include "client/text.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace charter::client {
namespace {

constexpr char32_t kInvalid = 0xFFFFFFFF;

// Takes one character off the front of `text`; kInvalid (and one byte taken) when it is none.
char32_t take(std::string_view& text) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  std::size_t length = 1;
  char32_t value = first;
  if (first >= 0xF0 && first < 0xF5) {
    length = 4;
    value = first & 0x07U;
  } else if (first >= 0xE0 && first < 0xF0) {
    length = 3;
    value = first & 0x0FU;
  } else if (first >= 0xC2 && first < 0xE0) {
    length = 2;
    value = first & 0x1FU;
  } else if (first >= 0x80) {
    length = 0;
  }
  bool valid = length > 0 && length <= text.size();
  for (std::size_t i = 1; valid && i < length; ++i) {
    valid = (byte(i) & 0xC0U) == 0x80;
    value = (value << 6U) | (byte(i) & 0x3FU);
  }
  if (valid && length == 3) valid = value >= 0x800 && (value < 0xD800 || value > 0xDFFF);
  if (valid && length == 4) valid = value >= 0x10000 && value <= 0x10FFFF;
  text.remove_prefix(valid ? length : 1);
  return valid ? value : kInvalid;
}

struct Range {
  char32_t first, last;
};

template <std::size_t N>
bool within(const std::array<Range, N>& ranges, char32_t c) {
  return std::ranges::any_of(ranges, [c](Range r) { return c >= r.first && c <= r.last; });
}

// The blocks that matter for names and messages; a full table would be larger than the client.
constexpr std::array<Range, 8> kZeroWidth{{{0x0300, 0x036F},
                                           {0x0483, 0x0489},
                                           {0x0591, 0x05BD},
                                           {0x064B, 0x065F},
                                           {0x200B, 0x200F},
                                           {0x20D0, 0x20FF},
                                           {0xFE00, 0xFE0F},
                                           {0xFE20, 0xFE2F}}};
constexpr std::array<Range, 9> kDoubleWidth{{{0x1100, 0x115F},
                                             {0x2E80, 0x303E},
                                             {0x3041, 0xA4CF},
                                             {0xAC00, 0xD7A3},
                                             {0xF900, 0xFAFF},
                                             {0xFE30, 0xFE6F},
                                             {0xFF00, 0xFF60},
                                             {0x1F300, 0x1FAFF},
                                             {0x20000, 0x3FFFD}}};

std::size_t width_of(char32_t c) {
  if (c < 0x300) return 1;
  if (within(kZeroWidth, c)) return 0;
  return within(kDoubleWidth, c) ? 2 : 1;
}

void append_control(std::string& out, char32_t c) {
  if (c == '\n') {
    out += "\\n";
  } else if (c == '\t') {
    out += "\\t";
  } else {
    std::array<char, 11> text{};
    std::snprintf(text.data(), text.size(), "\\x%02x", static_cast<unsigned>(c));
    out += text.data();
  }
}

std::string escaped(std::string_view text, bool keep_lines) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const char* begin = text.data();
    const char32_t c = take(text);
    if (c == kInvalid) {
      out += "\uFFFD";
    } else if (keep_lines && (c == '\n' || c == '\t')) {
      out += static_cast<char>(c);
    } else if (c < 0x20 || (c >= 0x7F && c < 0xA0)) {
      append_control(out, c);
    } else {
      out.append(begin, text.data());
    }
  }
  return out;
}

}  // namespace

std::string printable(std::string_view text) { return escaped(text, false); }

std::string printable_lines(std::string_view text) { return escaped(text, true); }

std::size_t columns_of(std::string_view text) {
  std::size_t columns = 0;
  while (!text.empty()) columns += width_of(take(text));
  return columns;
}

std::string cut(std::string_view text, std::size_t columns) {
  if (columns_of(text) <= columns) return std::string(text);
  if (columns == 0) return {};
  std::string out;
  std::size_t used = 0;
  while (!text.empty()) {
    const char* begin = text.data();
    used += width_of(take(text));
    if (used > columns - 1) break;
    out.append(begin, text.data());
  }
  return out + "…";
}

std::string duration_text(std::int64_t ms) {
  const auto number = [](std::int64_t n) { return std::to_string(n); };
  if (ms < 1000) return number(ms) + " ms";
  if (ms < 60'000) return number(ms / 1000) + "." + number(ms % 1000 / 100) + " s";
  const std::int64_t seconds = ms / 1000;
  if (seconds < 3600) return number(seconds / 60) + " min " + number(seconds % 60) + " s";
  return number(seconds / 3600) + " h " + number(seconds % 3600 / 60) + " min";
}

std::string shell_word(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+=:,@%";
  const bool plain = !text.empty() && text.find_first_not_of(kPlain) == std::string_view::npos;
  return plain ? std::string(text) : in_quotes(text);
}

std::string in_quotes(std::string_view text) {
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

}  // namespace charter::client
