// reload: what the daemon takes on from its configuration, and what not.
#include "client/commands.h"
#include "client/control.h"
#include "ipc/json_scan.h"

namespace charter::client {
namespace {

std::string list_of(std::string_view array) {
  std::string text;
  const auto names = ipc::scan_array(array, ipc::JsonLimits{});
  if (!names) return text;
  for (const auto& one : *names) {
    text += (text.empty() ? "" : ", ") + ipc::json_string(one.raw).value_or("");
  }
  return text;
}

std::string reload_text(const Fields& answer) {
  std::string text;
  const std::string reread = list_of(answer.raw("reread"));
  if (!reread.empty()) text += "Read anew: " + reread + ".\n";
  for (const Fields& change : answer.objects("changed")) {
    const auto value = [&change](std::string_view key) {
      const std::string given = change.text(key);
      return given.empty() ? std::string("(none)") : given;
    };
    text += "Changed: " + change.text("option") + " from " + value("from") + " to " + value("to") +
            ".\n";
  }
  const std::string restart = list_of(answer.raw("needs_restart"));
  if (!restart.empty()) text += "Needs a restart: " + restart + ".\n";
  if (answer.objects("changed").empty() && restart.empty()) text += "No option has changed.\n";
  return text;
}

std::string reload_json(const Fields& answer) {
  std::string json;
  for (const std::string_view key : {"reread", "changed", "needs_restart"}) {
    json += (json.empty() ? "{" : ",") + ipc::quoted(key) + ":" + std::string(answer.raw(key));
  }
  return json + "}\n";
}

}  // namespace

Expected<int> reload_command(const ipc::OptionValues& values) {
  const auto target = find_target(values);
  if (!target) return target.error();
  const auto answer = ask(*target, Request("reload"), in_ms(kAnswerMs));
  if (!answer) return answer.error();
  print(values.flag("json") ? reload_json(*answer) : reload_text(*answer));
  return 0;
}

}  // namespace charter::client
