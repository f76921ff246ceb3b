#include "client/teaching.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "client/commands.h"
#include "client/control.h"
#include "client/outcome.h"
#include "client/topics.h"
#include "ipc/completion.h"
#include "ipc/manual.h"
#include "ipc/versions.h"

namespace charter::client {
namespace {

using ipc::ArgumentSpec;
using ipc::CommandSpec;
using ipc::Example;
using ipc::ExitCode;

constexpr std::int64_t kPatienceMs = 500;  // of a person who pressed the key

constexpr std::array kCompletionArguments{
    ArgumentSpec{.name = "SHELL", .help = "bash, fish or zsh.", .choices = ipc::kShells}};
constexpr std::array kCompletionExamples{
    Example{"source <(charter-daemon completion bash)", "For this shell; in ~/.bashrc for all."},
    Example{"charter-daemon completion fish | source", "The same in fish."}};
constexpr std::array kCodes{ExitCode{0, "done"}, ExitCode{2, "bad options"},
                            ExitCode{7, "standard output could not be written"}};

constexpr std::array kManualArguments{
    ArgumentSpec{"COMMAND", "A command; without it the page that names them all.", false}};
constexpr std::array kManualOptions{
    ipc::OptionSpec{.name = "topics",
                    .help = "The page with what 'help TOPIC' shows, charter-daemon(7).",
                    .kind = ipc::OptionKind::flag}};
constexpr std::array kManualExamples{
    Example{"charter-daemon manual start | man -l -", "Shows the page of 'start'."},
    Example{"charter-daemon manual --topics | man -l -", "Shows all that 'help TOPIC' can show."}};

int refuse(const CommandSpec& table, const std::string& why) {
  std::fputs((ipc::usage_hint(table) + "\n").c_str(), stderr);
  complain(why);
  return kExitUsage;
}

// What was read; prints help or usage errors itself and says so by an exit code.
struct Read {
  ipc::OptionValues values;
  std::optional<int> code;
};

Read read(const CommandSpec& table, int argc, char** argv) {
  const std::span<char* const> words(argv, static_cast<std::size_t>(argc));
  auto values = ipc::read_options(table, words.subspan(2));
  if (!values) {
    return {{}, refuse(table, values.error().what)};
  }
  if (values->help_asked()) {
    print(ipc::help_text(table));
    return {*values, 0};
  }
  return {*values, std::nullopt};
}

int written() {
  if (printed()) return 0;
  complain("Standard output could not be written.");
  return kExitOther;
}

const CommandSpec* find(std::span<const CommandSpec* const> all, std::string_view name) {
  const auto found = std::find_if(all.begin(), all.end(),
                                  [name](const CommandSpec* one) { return one->name == name; });
  return found == all.end() ? nullptr : *found;
}

// The project and socket that the line names so far, as any command would find them.
Expected<Target> target_of(const std::vector<std::string>& where) {
  std::vector<std::string> words = where;
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  const auto values = ipc::read_options(kStatusTable, arguments);
  if (!values) return Failure{kExitUsage, values.error().what};
  return find_target(*values);
}

std::vector<std::string> runs_of(const Target& target) {
  std::vector<std::string> ids;
  const auto answer = ask(target, Request("list"), in_ms(kPatienceMs));
  if (!answer) return ids;
  for (const Fields& run : answer->objects("runs")) ids.push_back(run.text("run_id"));
  return ids;
}

std::vector<std::string> workflows_of(const Target& target) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(target.root + "/workflows", error)) {
    if (std::filesystem::exists(entry.path() / "plan.yml", error)) {
      names.push_back(entry.path().filename());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

constexpr CommandSpec kCompletionTable{
    .name = "completion",
    .summary = "Print the completion script of a shell",
    .description =
        "Prints the script that makes a shell complete commands, options and their values, ids "
        "of runs and names of workflows. What it offers comes from the program itself, so it "
        "needs no new script after an upgrade.",
    .arguments = kCompletionArguments,
    .examples = kCompletionExamples,
    .exit_codes = kCodes};

constexpr CommandSpec kManualTable{
    .name = "manual",
    .summary = "Print a manual page",
    .description = "Prints the manual page of a command, as man reads it.",
    .options = kManualOptions,
    .arguments = kManualArguments,
    .examples = kManualExamples,
    .exit_codes = kCodes};

int completion_main(int argc, char** argv) {
  const Read read = client::read(kCompletionTable, argc, argv);
  if (read.code) return *read.code;
  print(ipc::completion_script(read.values.argument(0)));
  return written();
}

int manual_main(std::span<const CommandSpec* const> all, int argc, char** argv) {
  const Read read = client::read(kManualTable, argc, argv);
  if (read.code) return *read.code;
  const std::string& name = read.values.argument(0);
  const CommandSpec* command = find(all, name);
  if (command == nullptr && !name.empty()) {
    return refuse(kManualTable, "No such command '" + name + "'.");
  }
  if (read.values.flag("topics")) {
    if (command != nullptr) return refuse(kManualTable, "Say a command or --topics, not both.");
    print(ipc::manual_topics(topics(), all, ipc::product_version()));
    return written();
  }
  print(name.empty() ? ipc::manual_overview(all, ipc::product_version())
                     : ipc::manual_page(*command, ipc::product_version()));
  return written();
}

int complete_main(std::span<const CommandSpec* const> all, int argc, char** argv) {
  std::vector<std::string_view> line(argv + 2, argv + argc);
  if (!line.empty() && line.front() == "--") line.erase(line.begin());
  if (line.empty()) line.emplace_back();
  std::vector<std::string_view> names_of_topics;
  for (const ipc::Topic& topic : topics()) names_of_topics.push_back(topic.name);
  ipc::Completion found = ipc::complete(all, names_of_topics, line);
  std::vector<std::string> names;
  if (found.names == ipc::Names::files) found.words.emplace_back(":files");
  if (found.names == ipc::Names::directories) found.words.emplace_back(":directories");
  if (found.names == ipc::Names::runs || found.names == ipc::Names::workflows) {
    const auto target = target_of(found.where);
    if (target) {
      names = found.names == ipc::Names::runs ? runs_of(*target) : workflows_of(*target);
    }
  }
  for (std::string& name : names) {
    if (name.starts_with(line.back())) found.words.push_back(std::move(name));
  }
  for (const std::string& word : found.words) print(word + "\n");
  return printed() ? 0 : kExitOther;
}

}  // namespace charter::client
