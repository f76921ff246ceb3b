#include "ipc/sandbox.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "ipc/message.h"
#include "ipc/schema.h"

namespace charter::ipc {
namespace {

// The number before a blank or the end, which go with it.
std::optional<int> take_number(std::string_view& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (!text.empty() && text.front() != ' ') return std::nullopt;
  if (!text.empty()) text.remove_prefix(1);
  return number;
}

bool take_word(std::string_view& text, std::string_view word) {
  if (!text.starts_with(word)) return false;
  text.remove_prefix(word.size());
  return true;
}

bool read_line(std::string_view line, SandboxAbility& ability) {
  if (take_word(line, "level ")) {
    const auto level = take_number(line);
    if (!level || !line.empty()) return false;
    ability.level = static_cast<unsigned>(*level);
    return *level <= static_cast<int>(kSandboxView);
  }
  if (take_word(line, "landlock ")) {
    const auto version = take_number(line);
    ability.landlock = version.value_or(0);
    return version && line.empty();
  }
  if (!take_word(line, "missing ")) return false;
  const auto level = take_number(line);
  if (!level) return false;
  ability.missing.push_back({static_cast<unsigned>(*level), std::string(line)});
  return true;
}

}  // namespace

void write_sandbox(const Sandbox& sandbox, schema::Sandbox::Builder out) {
  out.setLevel(static_cast<std::uint8_t>(sandbox.level));
  auto hidden = out.initHidden(static_cast<unsigned>(sandbox.hidden.size()));
  for (unsigned at = 0; at < hidden.size(); ++at) {
    hidden.set(at, message::text(sandbox.hidden[at]));
  }
}

Sandbox read_sandbox(schema::Sandbox::Reader in) {
  Sandbox out;
  out.level = in.getLevel();
  for (const auto path : in.getHidden()) out.hidden.push_back(message::str(path));
  return out;
}

std::size_t text_bytes(const Sandbox& sandbox) {
  std::size_t bytes = 0;
  for (const std::string& path : sandbox.hidden) bytes += path.size() + 16;
  return bytes;
}

std::string SandboxAbility::refusal() const {
  if (level > 0) return {};
  for (const Missing& one : missing) {
    if (one.level == kSandboxFiles) return one.what;
  }
  return "nothing is known of this host's abilities";
}

std::string to_text(const SandboxAbility& ability) {
  std::string text = "level " + std::to_string(ability.level) + "\nlandlock " +
                     std::to_string(ability.landlock) + "\n";
  for (const SandboxAbility::Missing& one : ability.missing) {
    std::string line = one.what;
    std::replace(line.begin(), line.end(), '\n', ' ');
    text += "missing " + std::to_string(one.level) + " " + line + "\n";
  }
  return text;
}

Result<SandboxAbility> read_ability(std::string_view text) {
  SandboxAbility ability;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos || !read_line(text.substr(0, end), ability)) {
      return plain_error("the answer about sandboxes cannot be read");
    }
    text.remove_prefix(end + 1);
  }
  return ability;
}

}  // namespace charter::ipc
