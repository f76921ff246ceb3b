// Examples of a command's help, read as a shell and the program would.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/option_table.h"

namespace charter::tests {

// The commands of one line of shell, each as its words: what pipes, lists and substitutions part.
// Knows quotes and backslashes, and neither variables nor patterns.
inline std::vector<std::vector<std::string>> shell_commands(std::string_view line) {
  std::vector<std::vector<std::string>> commands(1);
  std::string word;
  bool begun = false;
  char quote = 0;
  const auto end_word = [&] {
    if (begun) commands.back().push_back(word);
    word.clear();
    begun = false;
  };
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '\'' || c == '"') {
      quote = c;
      begun = true;
    } else if (c == '\\' && i + 1 < line.size()) {
      word += line[++i];
      begun = true;
    } else if (c == ' ') {
      end_word();
    } else if (std::string_view("|;&()<>").find(c) != std::string_view::npos) {
      end_word();
      if (!commands.back().empty()) commands.emplace_back();
    } else {
      word += c;
      begun = true;
    }
  }
  end_word();
  return commands;
}

// What is wrong with an example line, or empty: every charter-daemon in it must name one of
// `commands` and be read by its table. `uses` gets the names of those that it calls.
inline std::string fault_of_example(std::string_view line,
                                    std::span<const ipc::CommandSpec* const> commands,
                                    std::vector<std::string>& uses,
                                    const std::string& config = {}) {
  for (std::vector<std::string> words : shell_commands(line)) {
    if (words.empty() || words[0] != "charter-daemon") continue;
    if (words.size() < 2) return "no command";
    uses.push_back(words[1]);
    const ipc::CommandSpec* command = nullptr;
    for (const ipc::CommandSpec* one : commands) {
      if (one->name == words[1]) command = one;
    }
    if (command == nullptr) return "there is no command " + words[1];
    std::vector<char*> arguments;
    for (std::size_t i = 2; i < words.size(); ++i) {
      // The file of an example is not on this host; `config` stands for it.
      if (words[i - 1] == "--config") words[i] = config;
      arguments.push_back(words[i].data());
    }
    const auto values = ipc::read_options(*command, arguments);
    if (!values) return values.error().what;
  }
  return {};
}

// What is wrong with the examples of one command among `commands`, a line each.
inline std::string faults_of_examples(const ipc::CommandSpec& command,
                                      std::span<const ipc::CommandSpec* const> commands,
                                      const std::string& config = {}) {
  std::string faults;
  std::vector<std::string> uses;
  for (const ipc::Example& example : command.examples) {
    const std::string fault = fault_of_example(example.command, commands, uses, config);
    if (!fault.empty()) faults += std::string(example.command) + ": " + fault + "\n";
    if (example.what.empty()) faults += std::string(example.command) + ": says nothing\n";
  }
  bool itself = false;
  for (const std::string& name : uses) itself = itself || name == command.name;
  if (!itself) faults += std::string(command.name) + " has no example\n";
  return faults;
}

}  // namespace charter::tests
