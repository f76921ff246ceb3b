#include "supervisor/request_fields.h"

#include <algorithm>
#include <charconv>

namespace charter::supervisor {

Requests::Fields::Fields(const Members& members)
    : members_(members), known_{"type", "version", "op"} {}

const ipc::JsonMember* Requests::Fields::take(std::string_view name) {
  known_.emplace_back(name);
  const ipc::JsonMember* member = ipc::find(members_, name);
  if (member != nullptr && member->kind == ipc::JsonKind::null) return nullptr;
  return member;
}

void Requests::Fields::wrong(std::string_view name, std::string_view reason) {
  if (problem_.empty()) problem_ = std::string(name) + ": " + std::string(reason);
}

std::string Requests::Fields::text(std::string_view name) {
  auto value = optional_text(name);
  if (!value) {
    wrong(name, "is required");
    return {};
  }
  return std::move(*value);
}

std::optional<std::string> Requests::Fields::optional_text(std::string_view name) {
  const ipc::JsonMember* member = take(name);
  if (member == nullptr) return std::nullopt;
  auto value = ipc::json_string(member->raw);
  if (!value) wrong(name, "must be a string");
  return value;
}

bool Requests::Fields::flag(std::string_view name, std::optional<bool> otherwise) {
  const ipc::JsonMember* member = take(name);
  if (member == nullptr) {
    if (!otherwise) wrong(name, "is required");
    return otherwise.value_or(false);
  }
  if (member->kind != ipc::JsonKind::boolean) wrong(name, "must be true or false");
  return member->raw == "true";
}

std::optional<std::uint64_t> Requests::Fields::optional_number(std::string_view name,
                                                               std::uint64_t most) {
  const ipc::JsonMember* member = take(name);
  if (member == nullptr) return std::nullopt;
  std::uint64_t value = 0;
  const char* end = member->raw.data() + member->raw.size();
  const auto parsed = std::from_chars(member->raw.data(), end, value);
  if (parsed.ec != std::errc() || parsed.ptr != end || value > most) {
    wrong(name, "must be an integer from 0 to " + std::to_string(most));
    return std::nullopt;
  }
  return value;
}

std::string Requests::Fields::object(std::string_view name) {
  const ipc::JsonMember* member = take(name);
  if (member == nullptr) return "{}";
  if (member->kind != ipc::JsonKind::object) wrong(name, "must be an object");
  return std::string(member->raw);
}

bool Requests::Fields::good() {
  for (const ipc::JsonMember& member : members_) {
    if (std::find(known_.begin(), known_.end(), member.key) == known_.end()) {
      wrong(member.key, "unknown field");
    }
  }
  return problem_.empty();
}

}  // namespace charter::supervisor
