// What a shell completes on a command line of this program, from the option tables; and the short
// scripts that make a shell ask.
#pragma once

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/option_table.h"

namespace charter::ipc {

// What the word under the cursor names, beside the words that the tables hold.
enum class Names { nothing, files, directories, runs, workflows };

struct Completion {
  std::vector<std::string> words;  // that begin as the word under the cursor does
  Names names = Names::nothing;
  // What the line says so far of --project-path and --socket-path, for whoever looks names up.
  std::vector<std::string> where;  // options and values, as on a command line
};

// `line`: the words behind the program's name up to the cursor; the last is the one under it, and
// empty when none has begun. In `--name=value` the words are values with `--name=` in front.
// `topics`: what `help` takes besides commands.
[[nodiscard]] Completion complete(std::span<const CommandSpec* const> commands,
                                  std::span<const std::string_view> topics,
                                  std::span<const std::string_view> line);

inline constexpr std::array<std::string_view, 3> kShells{"bash", "fish", "zsh"};

// The script for one of kShells; it calls `charter-daemon complete WORD...`, which prints a word a
// line, or one of ":files" and ":directories".
[[nodiscard]] std::string_view completion_script(std::string_view shell);

}  // namespace charter::ipc
