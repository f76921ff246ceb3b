#include "ipc/topic.h"

#include <algorithm>
#include <map>
#include <vector>

#include "ipc/manual.h"

namespace charter::ipc {
namespace {

constexpr std::string_view kVerbatim = "    ";

// A name with what is said of it.
struct Entry {
  std::string name;
  std::string text;
};

std::string joined(const std::vector<std::string_view>& words) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text;
}

// Each meaning of each code, with the commands that give it.
std::vector<Entry> exit_codes(std::span<const CommandSpec* const> commands) {
  std::map<int, std::vector<std::pair<std::string_view, std::vector<std::string_view>>>> codes;
  for (const CommandSpec* command : commands) {
    for (const ExitCode& code : command->exit_codes) {
      auto& meanings = codes[code.code];
      auto at =
          std::ranges::find(meanings, code.meaning, [](const auto& one) { return one.first; });
      if (at == meanings.end()) at = meanings.insert(at, {code.meaning, {}});
      at->second.push_back(command->name);
    }
  }
  std::vector<Entry> entries;
  for (const auto& [code, meanings] : codes) {
    for (const auto& [meaning, names] : meanings) {
      entries.push_back({std::to_string(code), std::string(meaning) + " (" + joined(names) + ")"});
    }
  }
  return entries;
}

std::vector<Entry> variables(std::span<const CommandSpec* const> commands) {
  std::map<std::string_view, std::pair<std::string, std::vector<std::string_view>>> found;
  for (const CommandSpec* command : commands) {
    for (const OptionSpec& option : command->options) {
      if (option.variable.empty()) continue;
      auto& [text, names] = found[option.variable];
      if (text.empty()) text = "--" + std::string(option.name) + ". " + std::string(option.help);
      names.push_back(command->name);
    }
  }
  std::vector<Entry> entries;
  for (const auto& [variable, what] : found) {
    entries.push_back({std::string(variable), what.first + " (" + joined(what.second) + ")"});
  }
  return entries;
}

std::vector<Entry> tail_of(const Topic& topic, std::span<const CommandSpec* const> commands) {
  switch (topic.tail) {
    case TopicTail::exit_codes:
      return exit_codes(commands);
    case TopicTail::variables:
      return variables(commands);
    case TopicTail::none:
      break;
  }
  return {};
}

// Calls `prose` with each paragraph, and `verbatim` with each block of lines that stay.
template <class Prose, class Verbatim>
void each_paragraph(std::string_view text, const Prose& prose, const Verbatim& verbatim) {
  while (!text.empty()) {
    const std::size_t end = text.find("\n\n");
    const std::string_view paragraph = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
    if (paragraph.starts_with(kVerbatim)) {
      verbatim(paragraph);
    } else {
      std::string line(paragraph);
      std::ranges::replace(line, '\n', ' ');
      prose(line);
    }
  }
}

}  // namespace

std::string topic_text(const Topic& topic, std::span<const CommandSpec* const> commands) {
  std::string out = std::string(topic.name) + ": " + std::string(topic.summary) + "\n";
  each_paragraph(
      topic.text, [&out](std::string_view prose) { out += "\n" + wrapped(prose, 2); },
      [&out](std::string_view lines) { out += "\n" + std::string(lines) + "\n"; });
  const std::vector<Entry> tail = tail_of(topic, commands);
  if (!tail.empty()) out += "\n";
  for (const Entry& entry : tail) {
    std::string text = wrapped(entry.text, 6);
    // A short name stands in front of its text, a long one above it.
    if (entry.name.size() < 4) {
      text.replace(2, entry.name.size(), entry.name);
      out += text;
    } else {
      out += "  " + entry.name + "\n" + text;
    }
  }
  return out;
}

std::string manual_topics(std::span<const Topic> topics,
                          std::span<const CommandSpec* const> commands, std::string_view version) {
  std::string out = manual_title("charter-daemon", 7, "how to work with the daemon", version);
  for (const Topic& topic : topics) {
    std::string heading(topic.name);
    std::ranges::replace(heading, '-', ' ');
    out += ".SH " + manual_upper(heading) + "\n";
    each_paragraph(
        topic.text,
        [&out](std::string_view prose) { out += ".PP\n" + manual_escaped(prose) + "\n"; },
        [&out](std::string_view lines) {
          out += ".PP\n.RS 4\n.nf\n";
          while (!lines.empty()) {
            const std::size_t end = lines.find('\n');
            std::string_view line = lines.substr(0, end);
            lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
            line.remove_prefix(std::min(line.size(), kVerbatim.size()));
            out += manual_escaped(line) + "\n";
          }
          out += ".fi\n.RE\n";
        });
    for (const Entry& entry : tail_of(topic, commands)) {
      out += ".TP\n" + manual_bold(entry.name) + "\n" + manual_escaped(entry.text) + "\n";
    }
  }
  return out + ".SH SEE ALSO\n.BR charter\\-daemon (1)\n";
}

}  // namespace charter::ipc
