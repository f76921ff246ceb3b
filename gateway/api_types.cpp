#include "gateway/api_types.h"

#include <charconv>
#include <optional>

#include "gateway/store_thread.h"
#include "ipc/json_object.h"

namespace charter::gateway {
namespace {

std::optional<std::string> percent_decoded(std::string_view text, bool plus_is_space) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[at] != '%') {
      out += text[at];
    } else {
      unsigned value = 0;
      const char* digits = text.data() + at + 1;
      if (text.size() - at < 3) return std::nullopt;
      const auto [end, error] = std::from_chars(digits, digits + 2, value, 16);
      if (error != std::errc{} || end != digits + 2) return std::nullopt;
      out += static_cast<char>(value);
      at += 2;
    }
  }
  return out;
}

// The parts of `text` between `separator`s, empty ones included.
std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const auto at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

}  // namespace

ApiResponse to_response(const ApiError& error) {
  ipc::JsonObject inner;
  inner.text("code", error.code).text("message", error.message);
  if (!error.field.empty()) inner.text("field", error.field);
  return {.status = error.status, .body = ipc::JsonObject().raw("error", inner.str()).str()};
}

ApiError store_error(const ipc::Error& error) {
  if (disk_full(error)) {
    return {507, "disk_full", "the disk is full; nothing was accepted"};
  }
  return {500, "internal_error", "the database could not be used; nothing was accepted"};
}

bool parse_target(std::string_view target, ApiRequest& request) {
  if (!target.starts_with('/')) return false;
  const auto mark = target.find('?');
  for (const std::string_view part : split(target.substr(1, mark - 1), '/')) {
    auto segment = percent_decoded(part, false);
    if (!segment) return false;
    request.path.push_back(std::move(*segment));
  }
  if (mark == std::string_view::npos) return true;
  for (const std::string_view pair : split(target.substr(mark + 1), '&')) {
    if (pair.empty()) continue;
    const auto equals = pair.find('=');
    auto name = percent_decoded(pair.substr(0, equals), true);
    auto value = equals == std::string_view::npos ? std::optional<std::string>("")
                                                  : percent_decoded(pair.substr(equals + 1), true);
    if (!name || !value) return false;
    const auto [at, fresh] = request.query.try_emplace(std::move(*name), std::move(*value));
    if (!fresh && request.repeated.empty()) request.repeated = at->first;
  }
  return true;
}

}  // namespace charter::gateway
