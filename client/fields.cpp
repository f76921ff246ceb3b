#include "client/fields.h"

#include <charconv>

namespace charter::client {
namespace {

// The daemon is not untrusted; the limit is what a list of very many runs stays under. State files
// of the CLI may hold what Python writes.
constexpr ipc::JsonLimits kLimits{
    .max_bytes = std::size_t{1} << 30, .max_depth = 1000, .python_extras = true};

}  // namespace

ipc::Result<Fields> Fields::read(std::string_view object) {
  auto members = ipc::scan_object(object, kLimits);
  if (!members) return members.error();
  Fields fields;
  fields.whole_ = object;
  fields.members_ = std::move(*members);
  return fields;
}

ipc::Result<Fields> Fields::keep(std::string object) {
  auto kept = std::make_shared<const std::string>(std::move(object));
  auto fields = read(*kept);
  if (fields) fields->kept_ = std::move(kept);
  return fields;
}

std::string Fields::text(std::string_view key) const {
  const ipc::JsonMember* member = ipc::find(members_, key);
  if (member == nullptr || member->kind != ipc::JsonKind::string) return {};
  return ipc::json_string(member->raw).value_or(std::string());
}

std::optional<std::int64_t> Fields::number(std::string_view key) const {
  const ipc::JsonMember* member = ipc::find(members_, key);
  if (member == nullptr || member->kind != ipc::JsonKind::number) return std::nullopt;
  std::int64_t value = 0;
  const char* end = member->raw.data() + member->raw.size();
  const auto [stop, error] = std::from_chars(member->raw.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

bool Fields::truth(std::string_view key) const {
  const ipc::JsonMember* member = ipc::find(members_, key);
  return member != nullptr && member->kind == ipc::JsonKind::boolean && member->raw == "true";
}

Fields Fields::object(std::string_view key) const {
  const ipc::JsonMember* member = ipc::find(members_, key);
  if (member == nullptr || member->kind != ipc::JsonKind::object) return {};
  auto fields = read(member->raw);
  if (!fields) return {};
  fields->kept_ = kept_;
  return std::move(*fields);
}

std::vector<Fields> Fields::objects(std::string_view key) const {
  std::vector<Fields> result;
  const ipc::JsonMember* member = ipc::find(members_, key);
  if (member == nullptr || member->kind != ipc::JsonKind::array) return result;
  const auto elements = ipc::scan_array(member->raw, kLimits);
  if (!elements) return result;
  for (const ipc::JsonMember& element : *elements) {
    if (element.kind != ipc::JsonKind::object) continue;
    auto fields = read(element.raw);
    if (!fields) continue;
    fields->kept_ = kept_;
    result.push_back(std::move(*fields));
  }
  return result;
}

bool Fields::has(std::string_view key) const {
  const ipc::JsonMember* member = ipc::find(members_, key);
  return member != nullptr && member->kind != ipc::JsonKind::null;
}

std::string_view Fields::raw(std::string_view key) const {
  const ipc::JsonMember* member = ipc::find(members_, key);
  return member == nullptr ? std::string_view("null") : member->raw;
}

}  // namespace charter::client
