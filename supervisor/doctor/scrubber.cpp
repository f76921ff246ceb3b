#include "supervisor/doctor/scrubber.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <fstream>

#include "ipc/json_object.h"
#include "supervisor/link/credentials.h"
#include "supervisor/link/gateway_address.h"
#include "supervisor/link/proxy.h"

extern char** environ;

namespace charter::supervisor {
namespace {

constexpr std::string_view kRemoved = "<removed>";
constexpr std::size_t kShortest = 4;  // less would stand in ordinary words
constexpr std::array<std::string_view, 6> kSecretNames{"TOKEN",  "SECRET",     "PASSWORD",
                                                       "PASSWD", "CREDENTIAL", "APIKEY"};
constexpr std::array<std::string_view, 4> kLevels{"DEBUG ", "INFO ", "WARNING ", "ERROR "};
// What the daemon's log quotes of others behind these.
constexpr std::array<std::string_view, 3> kQuoting{
    "Refused a run: ", "Refused a request: ", "Ignoring a gateway message: "};

// Whether the line looks like `form`, in which 0 stands for any digit.
bool has_form(std::string_view line, std::string_view form) {
  if (line.size() < form.size()) return false;
  for (std::size_t i = 0; i < form.size(); ++i) {
    const bool digit = line[i] >= '0' && line[i] <= '9';
    if (form[i] == '0' ? !digit : line[i] != form[i]) return false;
  }
  return true;
}

// 2026-01-31 12:00:00,123 INFO …, {"time":"2026-01-31T12:00:00.123456Z","level":"INFO",…, or <6>…:
// a file may hold what other programs have written as well.
bool is_the_daemons(std::string_view line) {
  constexpr std::string_view kText = "0000-00-00 00:00:00,000 ";
  constexpr std::string_view kJson = R"({"time":"0000-00-00T00:00:00.000000Z","level":")";
  if (has_form(line, "<0>") || has_form(line, kJson)) return true;
  if (!has_form(line, kText)) return false;
  line.remove_prefix(kText.size());
  return std::ranges::any_of(kLevels,
                             [line](std::string_view level) { return line.starts_with(level); });
}

bool names_a_secret(std::string_view name) {
  std::string upper;
  for (const char c : name) {
    if (c != '_') upper += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return std::ranges::any_of(kSecretNames, [&upper](std::string_view part) {
    return upper.find(part) != std::string::npos;
  });
}

std::string quoted_inside(const std::string& text) {
  const std::string quoted = ipc::quoted(text);
  return quoted.substr(1, quoted.size() - 2);
}

}  // namespace

Scrubber::Scrubber(const Subject& subject) {
  if (subject.options) remember(subject.options->token);
  if (const std::string& path = subject.values.text("token-file"); !path.empty()) {
    if (auto token = read_token_file(path)) remember(std::move(*token));
  }
  if (subject.layout) {
    if (auto token = read_token_file(subject.layout->charter_dir() + "/dev/token")) {
      remember(std::move(*token));
    }
  }
  const auto remember_pair = [this](const std::string& credentials) {
    remember(credentials);
    const auto colon = credentials.find(':');
    if (colon != std::string::npos) remember(credentials.substr(colon + 1));
    if (!credentials.empty()) remember(basic_authorization(credentials).substr(6));
  };
  if (const auto address = parse_gateway_address(subject.values.text("gateway"))) {
    remember_pair(address->credentials);
  }
  for (char** one = environ; one != nullptr && *one != nullptr; ++one) {
    const std::string_view variable(*one);
    const std::size_t equals = variable.find('=');
    if (equals == std::string_view::npos) continue;
    const std::string value(variable.substr(equals + 1));
    if (names_a_secret(variable.substr(0, equals)) && !value.starts_with('/')) remember(value);
    // http://user:password@proxy
    const std::size_t at = value.rfind('@');
    const std::size_t slashes = value.find("://");
    if (at != std::string::npos && slashes != std::string::npos && slashes + 3 < at) {
      remember_pair(value.substr(slashes + 3, at - slashes - 3));
    }
  }
  std::ranges::sort(secrets_, [](const std::string& one, const std::string& other) {
    return one.size() > other.size();
  });
}

void Scrubber::remember(std::string secret) {
  if (secret.size() < kShortest) return;
  std::string as_json = quoted_inside(secret);
  if (as_json != secret) secrets_.push_back(std::move(as_json));
  secrets_.push_back(std::move(secret));
}

std::string Scrubber::clean(std::string text) const {
  for (const std::string& secret : secrets_) {
    for (auto at = text.find(secret); at != std::string::npos;
         at = text.find(secret, at + kRemoved.size())) {
      text.replace(at, secret.size(), kRemoved);
    }
  }
  return text;
}

std::string Scrubber::clean_log(std::string_view lines) const {
  std::string out;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    std::string_view line = lines.substr(0, end);
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (!is_the_daemons(line)) continue;
    for (const std::string_view marker : kQuoting) {
      const auto at = line.find(marker);
      if (at == std::string_view::npos) continue;
      out += std::string(line.substr(0, at + marker.size())) + std::string(kRemoved);
      if (line.starts_with('{')) out += "\"}";
      line = {};
    }
    out += std::string(line) + "\n";
  }
  return clean(std::move(out));
}

std::string without_errors(const client::Fields& run) {
  ipc::JsonObject out;
  for (const ipc::JsonMember& member : run.members()) {
    const bool text = member.key == "error" && member.kind == ipc::JsonKind::string;
    if (text) {
      out.text(member.key, "<removed: " + std::to_string(run.text("error").size()) + " bytes>");
    } else {
      out.raw(member.key, member.raw);
    }
  }
  return out.str();
}

}  // namespace charter::supervisor
