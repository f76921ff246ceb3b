#include <algorithm>
#include <cmath>

#include "worker/json/keys.h"
#include "worker/json/unicode.h"
#include "worker/json/value.h"

namespace charter::worker {
namespace {

void append_escape(std::string& out, char32_t unit) {
  constexpr char kHex[] = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) {
    out += kHex[(unit >> static_cast<unsigned>(shift)) & 15U];
  }
}

void append_beyond_ascii(std::string& out, std::string_view text, std::size_t& at, bool ascii) {
  const std::size_t begin = at;
  const char32_t point = next_code_point(text, at);
  if (!ascii) {
    // A lone surrogate has no UTF-8; neither has a byte that begins no character.
    if (is_surrogate(point) || point == 0xFFFD) {
      append_utf8(out, 0xFFFD);
    } else {
      out.append(text, begin, at - begin);
    }
  } else if (point < 0x10000) {
    append_escape(out, point);
  } else {
    append_escape(out, 0xD800 + ((point - 0x10000) >> 10U));
    append_escape(out, 0xDC00 + ((point - 0x10000) & 0x3FFU));
  }
}

void append_special(std::string& out, char letter) {
  constexpr std::string_view kLetters = "\"\\\n\r\t\f\b";
  constexpr std::string_view kNames = "\"\\nrtfb";
  const std::size_t place = kLetters.find(letter);
  if (place == std::string_view::npos) {
    append_escape(out, static_cast<unsigned char>(letter));
  } else {
    out += '\\';
    out += kNames[place];
  }
}

bool is_plain(char letter) {
  return letter >= 0x20 && letter != '"' && letter != '\\' && letter != 0x7F;
}

void append_string(std::string& out, std::string_view text, bool ascii) {
  out += '"';
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && is_plain(text[end])) ++end;
    out.append(text, at, end - at);
    at = end;
    if (at >= text.size()) break;
    if (static_cast<unsigned char>(text[at]) >= 0x80) {
      append_beyond_ascii(out, text, at, ascii);
    } else if (text[at] == 0x7F && !ascii) {
      out += text[at++];
    } else {
      append_special(out, text[at++]);
    }
  }
  out += '"';
}

void append_real(std::string& out, double number, bool finite) {
  if (std::isfinite(number)) {
    out += repr(number);
  } else if (finite) {
    out += "null";
  } else {
    out += std::isnan(number) ? "NaN" : number > 0 ? "Infinity" : "-Infinity";
  }
}

class Dumper {
 public:
  Dumper(std::string& out, const DumpStyle& style) : out_(out), style_(style) {}

  void write(const Value& value, int depth) {
    switch (value.kind()) {
      case Value::Kind::null:
      case Value::Kind::foreign:
        out_ += "null";
        break;
      case Value::Kind::boolean:
        out_ += value.as_bool() ? "true" : "false";
        break;
      case Value::Kind::integer:
        out_ += value.as_integer().digits;
        break;
      case Value::Kind::real:
        append_real(out_, value.as_real(), style_.finite);
        break;
      case Value::Kind::string:
        append_string(out_, value.as_string(), style_.ascii);
        break;
      case Value::Kind::array:
        write_array(value.as_array(), depth);
        break;
      case Value::Kind::object:
        write_object(value.as_object(), depth);
        break;
    }
  }

 private:
  void separate(bool first, int depth) {
    if (style_.indent >= 0) {
      if (!first) out_ += ',';
      break_line(depth);
    } else if (!first) {
      out_ += style_.compact ? "," : ", ";
    }
  }

  void break_line(int depth) {
    if (style_.indent < 0) return;
    out_ += '\n';
    out_.append(static_cast<std::size_t>(style_.indent * depth), ' ');
  }

  void write_array(const Array& items, int depth) {
    if (items.empty()) {
      out_ += "[]";
      return;
    }
    out_ += '[';
    bool first = true;
    for (const Value& item : items) {
      separate(std::exchange(first, false), depth + 1);
      write(item, depth + 1);
    }
    break_line(depth);
    out_ += ']';
  }

  void write_member(const Object::Entry& member, bool first, int depth) {
    separate(first, depth);
    if (is_text_key(member.first)) {
      append_string(out_, member.first, style_.ascii);
    } else {
      append_string(out_, json_key(member.first).value_or("null"), style_.ascii);
    }
    out_ += style_.compact ? ":" : ": ";
    write(member.second, depth);
  }

  void write_object(const Object& members, int depth) {
    if (members.empty()) {
      out_ += "{}";
      return;
    }
    out_ += '{';
    bool first = true;
    if (style_.sort_keys) {
      std::vector<const Object::Entry*> sorted;
      sorted.reserve(members.size());
      for (const auto& member : members) sorted.push_back(&member);
      // Bytes of UTF-8 order as code points do.
      std::sort(sorted.begin(), sorted.end(),
                [](const auto* left, const auto* right) { return left->first < right->first; });
      for (const auto* member : sorted) {
        write_member(*member, std::exchange(first, false), depth + 1);
      }
    } else {
      for (const auto& member : members) {
        write_member(member, std::exchange(first, false), depth + 1);
      }
    }
    break_line(depth);
    out_ += '}';
  }

  std::string& out_;
  const DumpStyle& style_;
};

std::optional<std::string> object_fault(const Object& members, bool finite) {
  for (const auto& [key, value] : members) {
    if (!is_text_key(key) && !json_key(key)) {
      return "keys must be str, int, float, bool or None, not " +
             std::string(type_name(decode_key(key)));
    }
    if (auto fault = json_fault(value, finite)) return fault;
  }
  return std::nullopt;
}

}  // namespace

void dump_to(std::string& out, const Value& value, const DumpStyle& style, int depth) {
  Dumper(out, style).write(value, depth);
}

std::string dump(const Value& value, const DumpStyle& style) {
  std::string out;
  dump_to(out, value, style);
  return out;
}

std::optional<std::string> json_fault(const Value& value, bool finite) {
  switch (value.kind()) {
    case Value::Kind::foreign:
      return "Object of type " + value.as_foreign().type + " is not JSON serializable";
    case Value::Kind::real:
      if (!finite || std::isfinite(value.as_real())) return std::nullopt;
      return "Out of range float values are not JSON compliant";
    case Value::Kind::array:
      for (const Value& item : value.as_array()) {
        if (auto fault = json_fault(item, finite)) return fault;
      }
      return std::nullopt;
    case Value::Kind::object:
      return object_fault(value.as_object(), finite);
    default:
      return std::nullopt;
  }
}

}  // namespace charter::worker
