#include "ipc/manual.h"

#include <cctype>
#include <cstddef>

namespace charter::ipc {
namespace {

std::string escaped(std::string_view text) { return manual_escaped(text); }
std::string bold(std::string_view text) { return manual_bold(text); }
std::string italic(std::string_view text) { return "\\fI" + escaped(text) + "\\fR"; }

std::string title(const std::string& name, std::string_view summary, std::string_view version) {
  return manual_title(name, 1, summary, version);
}

std::string paragraphs(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find("\n\n");
    if (!out.empty()) out += ".PP\n";
    out += escaped(text.substr(0, end)) + "\n";
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
  }
  return out;
}

std::string option_entry(const OptionSpec& option) {
  std::string out = ".TP\n";
  if (option.letter != 0) out += bold(std::string("-") + option.letter) + ", ";
  out += bold("--" + std::string(option.name));
  if (!option.metavar.empty()) out += " " + italic(option.metavar);
  const char* between = " ";
  for (const std::string_view choice : option.choices) {
    out += between + bold(choice);
    between = "|";
  }
  out += "\n" + escaped(option.help) + "\n";
  const std::string_view fallback =
      option.shown_default.empty() ? option.fallback : option.shown_default;
  std::string more;
  if (!fallback.empty()) more += "Default: " + escaped(fallback) + ". ";
  if (!option.variable.empty()) more += "Environment: " + bold(option.variable) + ". ";
  if (option.repeatable) more += "May be repeated. ";
  if (option.required) more += "Required. ";
  if (!more.empty()) {
    more.pop_back();
    out += more + "\n";
  }
  return out;
}

}  // namespace

std::string manual_escaped(std::string_view text) {
  std::string out;
  for (const char letter : text) {
    if (letter == '\\') {
      out += "\\e";
    } else if (letter == '-') {
      out += "\\-";
    } else {
      if (out.empty() && (letter == '.' || letter == '\'')) out += "\\&";
      out += letter;
    }
  }
  return out;
}

std::string manual_bold(std::string_view text) { return "\\fB" + manual_escaped(text) + "\\fR"; }

std::string manual_upper(std::string_view text) {
  std::string out(text);
  for (char& letter : out) letter = static_cast<char>(std::toupper(letter));
  return out;
}

// Without the day: the same sources make the same page.
std::string manual_title(const std::string& name, int section, std::string_view summary,
                         std::string_view version) {
  const std::string of = section == 1 ? "User Commands" : "Miscellaneous";
  return ".TH " + manual_upper(name) + " " + std::to_string(section) + " \"\" \"charter\\-daemon " +
         manual_escaped(version) + "\" \"" + of + "\"\n.SH NAME\n" + manual_escaped(name) +
         " \\- " + manual_escaped(summary) + "\n";
}

std::string manual_page(const CommandSpec& command, std::string_view version) {
  std::string out = title("charter-daemon-" + std::string(command.name), command.summary, version);
  out += ".SH SYNOPSIS\n" + bold("charter-daemon " + std::string(command.name)) + " [" +
         italic("OPTIONS") + "]";
  for (const ArgumentSpec& argument : command.arguments) {
    const std::string name = italic(argument.name) + (argument.many ? "..." : "");
    out += argument.required ? " " + name : " [" + name + "]";
  }
  out += "\n.SH DESCRIPTION\n";
  out += paragraphs(command.description.empty() ? command.summary : command.description);
  for (const ArgumentSpec& argument : command.arguments) {
    out += ".TP\n" + italic(argument.name) + "\n" + escaped(argument.help) + "\n";
  }
  out += ".SH OPTIONS\n";
  for (const OptionSpec& option : command.options) out += option_entry(option);
  out += ".TP\n" + bold("-h") + ", " + bold("--help") + "\nShow the command's help and exit.\n";
  if (!command.examples.empty()) out += ".SH EXAMPLES\n";
  for (const Example& example : command.examples) {
    out += ".TP\n" + bold(example.command) + "\n" + escaped(example.what) + "\n";
  }
  if (!command.exit_codes.empty()) out += ".SH EXIT STATUS\n";
  for (const ExitCode& code : command.exit_codes) {
    out += ".TP\n" + bold(std::to_string(code.code)) + "\n" + escaped(code.meaning) + "\n";
  }
  return out + ".SH SEE ALSO\n.BR charter\\-daemon (1)\n";
}

std::string manual_overview(std::span<const CommandSpec* const> commands,
                            std::string_view version) {
  std::string out = title("charter-daemon", "the long-lived worker daemon of Charter", version);
  out += ".SH SYNOPSIS\n" + bold("charter-daemon") + " " + italic("COMMAND") + " [" +
         italic("ARGUMENTS") + "]...\n.SH DESCRIPTION\n" +
         paragraphs(
             "Runs workflows, each in a process tree of its own, and reports them to a "
             "gateway. It belongs to one project, the directory with charter.yml.\n\n"
             "Each command has a page of its own.");
  out += ".SH COMMANDS\n";
  for (const CommandSpec* command : commands) {
    out += ".TP\n.BR charter\\-daemon\\-" + escaped(command->name) + " (1)\n" +
           escaped(command->summary) + "\n";
  }
  return out + ".SH SEE ALSO\n.BR charter\\-daemon (7)\n";
}

}  // namespace charter::ipc
