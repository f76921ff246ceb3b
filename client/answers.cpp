#include "client/answers.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <vector>

#include "client/outcome.h"
#include "ipc/json_object.h"
#include "ipc/json_scan.h"

namespace charter::client {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  text.remove_prefix(std::min(text.find_first_not_of(kBlanks), text.size()));
  return text.substr(0, text.find_last_not_of(kBlanks) + 1);
}

std::string range_of(const Question& question) {
  return "from 1 to " + std::to_string(question.options.size());
}

bool is_number(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(),
                                      [](unsigned char c) { return std::isdigit(c) != 0; });
}

// The option a word stands for: its number in the list goes before its value.
const Option* find_option(const Question& question, std::string_view word) {
  std::size_t number = 0;
  const auto end = std::from_chars(word.data(), word.data() + word.size(), number);
  if (is_number(word) && end.ec == std::errc{} && number >= 1 &&
      number <= question.options.size()) {
    return &question.options[number - 1];
  }
  const auto same = [word](const Option& option) { return option.value == word; };
  const auto found = std::find_if(question.options.begin(), question.options.end(), same);
  return found == question.options.end() ? nullptr : &*found;
}

ipc::Result<std::string> read_one(const Question& question, std::string_view line) {
  if (line.empty() && question.optional) return std::string("null");
  if (const Option* option = find_option(question, line)) return ipc::quoted(option->value);
  return ipc::plain_error("Answer with one number " + range_of(question) + ".");
}

ipc::Result<std::string> read_many(const Question& question, std::string_view line) {
  std::vector<std::string> values;
  while (!line.empty()) {
    const std::size_t comma = std::min(line.find(','), line.size());
    const std::string_view word = trimmed(line.substr(0, comma));
    line.remove_prefix(std::min(comma + 1, line.size()));
    if (word.empty()) continue;
    const Option* option = find_option(question, word);
    // A number that is none of the list is a slip, not somebody's own words.
    if (option == nullptr && (!question.allow_other || is_number(word))) {
      return ipc::plain_error("There is no '" + std::string(word) + "'. Answer with numbers " +
                              range_of(question) + ", with commas between them.");
    }
    values.push_back(option == nullptr ? std::string(word) : option->value);
    if (std::count(values.begin(), values.end(), values.back()) > 1) {
      return ipc::plain_error("'" + values.back() + "' was given twice.");
    }
  }
  if (values.empty() && !question.optional) return ipc::plain_error("Give at least one.");
  ipc::JsonArray json;
  for (const std::string& value : values) json.text(value);
  return json.str();
}

void list_options(const Question& question) {
  std::size_t number = 0;
  for (const Option& option : question.options) {
    tell("  " + std::to_string(++number) + ". " + option.label +
         (option.recommended ? " (recommended)" : ""));
  }
}

std::string prompt_of(const Question& question) {
  std::string notes;
  const auto add = [&notes](std::string_view note) {
    notes += (notes.empty() ? "" : ", ") + std::string(note);
  };
  if (question.kind == "select") add("a number");
  if (question.kind == "multi_select") add("numbers, with commas between them");
  if (question.allow_other) add("or your own words");
  if (question.optional) add("may be left empty");
  return question.prompt + (notes.empty() ? "" : " (" + notes + ")") + ": ";
}

}  // namespace

ipc::Result<std::string> read_reply(const Question& question, std::string_view line) {
  if (question.kind == "select") return read_one(question, trimmed(line));
  if (question.kind == "multi_select") return read_many(question, trimmed(line));
  if (line.empty() && question.optional) return std::string("null");
  if (line.empty()) return ipc::plain_error("Give an answer.");
  return ipc::quoted(line);
}

Terminal::Said ask_gate(Terminal& terminal, GateReply& reply) {
  std::string line;
  for (;;) {
    const Terminal::Said said = terminal.ask("Approve or deny? ", line);
    if (said != Terminal::Said::line) return said;
    std::string word(trimmed(line));
    std::transform(word.begin(), word.end(), word.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    reply.approved = word == "approve" || word == "a";
    if (reply.approved || word == "deny" || word == "d") break;
    tell("Answer with 'approve' or 'deny'.");
  }
  return terminal.ask("Note (may be left empty): ", reply.note);
}

Terminal::Said ask_form(Terminal& terminal, const Waiting& waiting, std::string& answers) {
  answers = "{";
  for (const Question& question : waiting.questions) {
    list_options(question);
    for (;;) {
      std::string line;
      const Terminal::Said said = terminal.ask(prompt_of(question), line);
      if (said != Terminal::Said::line) return said;
      const auto reply = read_reply(question, line);
      if (reply) {
        if (answers.size() > 1) answers += ',';
        answers += ipc::quoted(question.id) + ":" + *reply;
        break;
      }
      tell(reply.error().what);
    }
  }
  answers += "}";
  return Terminal::Said::line;
}

}  // namespace charter::client
