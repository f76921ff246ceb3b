// The texts that come from an option table: help, usage line, suggestions.
#include <algorithm>
#include <numeric>

#include "ipc/option_table.h"

namespace charter::ipc {
namespace {

constexpr std::size_t kWidth = 80;
constexpr std::size_t kColumn = 30;  // where the explanations begin

// Appends words of `text` at column `indent`, starting from `column`, broken at kWidth.
void append_wrapped(std::string& out, std::string_view text, std::size_t indent,
                    std::size_t column) {
  bool first = true;
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
    if (word.empty()) continue;
    if (!first && column + 1 + word.size() > kWidth) {
      out += '\n';
      out.append(indent, ' ');
      column = indent;
      first = true;
    }
    if (!first) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    first = false;
  }
  out += '\n';
}

void append_paragraphs(std::string& out, std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find("\n\n");
    out += "\n  ";
    append_wrapped(out, text.substr(0, end), 2, 2);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
  }
}

// `left` indented by two, `right` from kColumn on, on a line of its own when `left` is long.
void append_row(std::string& out, std::string_view left, std::string_view right) {
  out += "  ";
  out += left;
  std::size_t column = left.size() + 2;
  if (column + 2 > kColumn) {
    out += '\n';
    column = 0;
  }
  out.append(kColumn - column, ' ');
  append_wrapped(out, right, kColumn, kColumn);
}

std::string usage_line(const CommandSpec& command) {
  std::string text = "Usage: charter-daemon " + std::string(command.name) + " [OPTIONS]";
  for (const ArgumentSpec& argument : command.arguments) {
    const std::string name = std::string(argument.name) + (argument.many ? "..." : "");
    text += argument.required ? " " + name : " [" + name + "]";
  }
  return text + "\n";
}

std::string option_names(const OptionSpec& option) {
  std::string text;
  if (option.letter != 0) text = std::string("-") + option.letter + ", ";
  text.append("--").append(option.name);
  if (!option.metavar.empty()) {
    text.append(" ").append(option.metavar);
  } else if (option.kind == OptionKind::choice) {
    for (std::size_t i = 0; i < option.choices.size(); ++i) {
      text += i == 0 ? " [" : "|";
      text += option.choices[i];
    }
    text += ']';
  }
  return text;
}

std::string option_explanation(const OptionSpec& option) {
  std::string text(option.help);
  const auto add = [&text](std::string_view what, std::string_view value) {
    text += " [" + std::string(what) + std::string(value) + "]";
  };
  if (!option.shown_default.empty()) {
    add("default: ", option.shown_default);
  } else if (!option.fallback.empty()) {
    add("default: ", option.fallback);
  }
  if (!option.variable.empty()) add("env: ", option.variable);
  if (option.repeatable) add("may be repeated", "");
  if (option.required) add("required", "");
  return text;
}

// Edits between two words; exchanging neighbours is one.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    before.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

}  // namespace

std::string help_text(const CommandSpec& command) {
  std::string out = usage_line(command);
  append_paragraphs(out, command.description.empty() ? command.summary : command.description);
  if (!command.arguments.empty()) {
    out += "\nArguments:\n";
    for (const ArgumentSpec& argument : command.arguments) {
      append_row(out, argument.name, argument.help);
    }
  }
  out += "\nOptions:\n";
  for (const OptionSpec& option : command.options) {
    append_row(out, option_names(option), option_explanation(option));
  }
  append_row(out, "-h, --help", "Show this message and exit.");
  if (!command.examples.empty()) {
    out += "\nExamples:\n";
    for (const Example& example : command.examples) {
      out += "  " + std::string(example.command) + "\n      ";
      append_wrapped(out, example.what, 6, 6);
    }
  }
  if (!command.exit_codes.empty()) {
    out += "\nExit codes:\n";
    for (const ExitCode& code : command.exit_codes) {
      std::string left = std::to_string(code.code);
      left.insert(0, left.size() < 4 ? 4 - left.size() : 0, ' ');
      out += left + "  ";
      append_wrapped(out, code.meaning, 6, 6);
    }
  }
  return out;
}

std::string wrapped(std::string_view text, std::size_t indent) {
  std::string out(indent, ' ');
  append_wrapped(out, text, indent, indent);
  return out;
}

std::string usage_hint(const CommandSpec& command) {
  return usage_line(command) + "Try 'charter-daemon " + std::string(command.name) +
         " --help' for help.\n";
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, word.size() / 3) + 1;
  for (const std::string_view candidate : candidates) {
    // An unfinished word of three letters or more is near whatever is missing.
    const bool unfinished = word.size() >= 3 && candidate.starts_with(word);
    const std::size_t apart = unfinished ? 1 : distance(word, candidate);
    if (apart < best_distance) {
      best = candidate;
      best_distance = apart;
    }
  }
  return best;
}

}  // namespace charter::ipc
