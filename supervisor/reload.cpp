#include "supervisor/reload.h"

#include <algorithm>
#include <array>

#include "ipc/json_object.h"
#include "ipc/json_scan.h"

namespace charter::supervisor {
namespace {

// What a running daemon can take on. Runs that execute keep what they began with.
constexpr std::array<std::string_view, 11> kReloadable{
    "max-runs",       "log-level",    "run-time-max", "step-output-max",
    "run-memory-max", "run-pids-max", "run-cpu-max",  "token-file",
    "ca-file",        "client-cert",  "client-key"};
constexpr std::array<std::string_view, 5> kFiles{"config", "token-file", "ca-file", "client-cert",
                                                 "client-key"};

std::string text_of(const StartOptions& options, std::string_view name) {
  const auto found = options.texts.find(name);
  return found == options.texts.end() ? std::string() : found->second;
}

std::string array_of(const std::vector<std::string>& names) {
  ipc::JsonArray json;
  for (const std::string& name : names) json.text(name);
  return json.str();
}

void take_over(StartOptions& into, const StartOptions& from) {
  into.max_runs = from.max_runs;
  into.log_level = from.log_level;
  into.run_time_max = from.run_time_max;
  into.step_output_max = from.step_output_max;
  into.run_memory_max = from.run_memory_max;
  into.run_pids_max = from.run_pids_max;
  into.run_cpu_max = from.run_cpu_max;
  // The environment's token was taken out of it at the start.
  if (!from.token_file.empty() || !into.token_file.empty()) into.token = from.token;
  into.token_file = from.token_file;
  into.tls = from.tls;
  into.warnings = from.warnings;
}

}  // namespace

ipc::Result<Reloaded> read_options_anew(const StartOptions& current) {
  std::vector<std::string> kept = current.arguments;
  std::vector<char*> arguments;
  for (std::string& one : kept) arguments.push_back(one.data());
  const auto values = ipc::read_options(start_command(), arguments);
  if (!values) return values.error();
  const auto fresh = check_start_options(*values);
  if (!fresh) return fresh.error();

  Reloaded reloaded;
  reloaded.options = current;
  take_over(reloaded.options, *fresh);
  for (const std::string_view name : kFiles) {
    if (!text_of(*fresh, name).empty()) reloaded.reread.emplace_back(name);
  }
  for (const ipc::OptionSpec& spec : start_command().options) {
    const std::string from = text_of(current, spec.name);
    std::string to = text_of(*fresh, spec.name);
    if (from == to) continue;
    if (std::ranges::find(kReloadable, spec.name) == kReloadable.end()) {
      reloaded.restart.emplace_back(spec.name);
      continue;
    }
    reloaded.options.texts[std::string(spec.name)] = to;
    reloaded.changed.push_back({std::string(spec.name), from, std::move(to)});
  }
  return reloaded;
}

std::string Reloaded::view() const {
  ipc::JsonArray changes;
  for (const Change& change : changed) {
    changes.raw(ipc::JsonObject()
                    .text("option", change.option)
                    .text_or_null("from", change.from)
                    .text_or_null("to", change.to)
                    .str());
  }
  return ipc::JsonObject()
      .flag("ok", true)
      .raw("reread", array_of(reread))
      .raw("changed", changes.str())
      .raw("needs_restart", array_of(restart))
      .str();
}

}  // namespace charter::supervisor
