#include "supervisor/doctor/report.h"

#include <algorithm>

#include "client/text.h"
#include "ipc/json_object.h"
#include "ipc/versions.h"

namespace charter::supervisor {
namespace {

constexpr std::size_t kNameColumns = 12;

client::Tone tone_of(Health health) {
  if (health == Health::ok) return client::Tone::good;
  return health == Health::warn ? client::Tone::attention : client::Tone::bad;
}

}  // namespace

std::string_view name_of(Health health) {
  constexpr std::string_view kNames[] = {"ok", "warn", "fail"};
  return kNames[static_cast<std::size_t>(health)];
}

void Report::add(Health health, std::string_view name, std::string what, std::string remedy) {
  checks_.push_back({std::string(name), health, std::move(what), std::move(remedy)});
}

bool Report::failed() const {
  return std::ranges::any_of(checks_, [](const Check& one) { return one.health == Health::fail; });
}

std::string Report::json() const {
  ipc::JsonArray list;
  for (const Check& one : checks_) {
    list.raw(ipc::JsonObject()
                 .text("name", one.name)
                 .text("state", name_of(one.health))
                 .text("what", one.what)
                 .text_or_null("remedy", one.remedy)
                 .str());
  }
  return ipc::JsonObject()
             .text("version", ipc::product_version())
             .flag("healthy", !failed())
             .raw("checks", list.str())
             .str() +
         "\n";
}

std::string Report::text(const client::Screen& screen) const {
  std::string out;
  for (const Check& one : checks_) {
    std::string name = one.name;
    name.resize(std::max(kNameColumns, name.size() + 1), ' ');
    std::string state(name_of(one.health));
    state.resize(6, ' ');
    out += client::toned(state, tone_of(one.health), screen) + name + client::printable(one.what) +
           "\n";
    if (!one.remedy.empty()) {
      out += std::string(6 + kNameColumns, ' ') + "-> " + client::printable(one.remedy) + "\n";
    }
  }
  const auto count = [this](Health health) {
    return std::to_string(std::ranges::count(checks_, health, &Check::health));
  };
  return out + "\n" + count(Health::ok) + " ok, " + count(Health::warn) + " to look at, " +
         count(Health::fail) + " failed.\n";
}

}  // namespace charter::supervisor
