#include "ipc/option_table.h"

#include <algorithm>
#include <boost/program_options.hpp>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <stdexcept>

#include "ipc/ascii.h"

namespace charter::ipc {
namespace {

namespace po = boost::program_options;

constexpr std::string_view kBlanks = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string quote(std::string_view text) {
  return std::string(1, '\'').append(text).append(1, '\'');
}

const OptionSpec* spec_of(const CommandSpec& command, std::string_view name) {
  const auto at = std::ranges::find(command.options, name, &OptionSpec::name);
  return at == command.options.end() ? nullptr : &*at;
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  text = trimmed(text);
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') text.remove_prefix(1);
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if constexpr (std::is_floating_point_v<Number>) {
    if (!std::isfinite(number)) return std::nullopt;
  }
  return number;
}

std::optional<bool> parse_flag(std::string_view text) {
  const std::string word = ascii_lower(trimmed(text));
  for (const std::string_view yes : {"1", "true", "yes", "on", "y", "t"}) {
    if (word == yes) return true;
  }
  for (const std::string_view no : {"0", "false", "no", "off", "n", "f"}) {
    if (word == no) return false;
  }
  return std::nullopt;
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> names,
                         std::string_view dashes) {
  const std::string_view meant = nearest(word, names);
  if (meant.empty()) return {};
  return " Did you mean '" + std::string(dashes) + std::string(meant) + "'?";
}

std::vector<std::string_view> names_of(const CommandSpec& command) {
  std::vector<std::string_view> names{"help"};
  for (const OptionSpec& option : command.options) names.push_back(option.name);
  return names;
}

std::string not_one_of(std::string_view value, std::span<const std::string_view> choices) {
  std::string text = quote(value) + " is not one of ";
  for (std::size_t i = 0; i < choices.size(); ++i) text += (i == 0 ? "" : ", ") + quote(choices[i]);
  return text + ".";
}

// What is wrong with a value of this option; nothing when it is fine. Choices and flags are
// brought into their one form.
std::optional<std::string> check_value(const OptionSpec& option, std::string& value) {
  switch (option.kind) {
    case OptionKind::text:
      return std::nullopt;
    case OptionKind::integer:
      if (parse_number<std::int64_t>(value)) return std::nullopt;
      return quote(value) + " is not a valid integer.";
    case OptionKind::number:
      if (parse_number<double>(value)) return std::nullopt;
      return quote(value) + " is not a valid float.";
    case OptionKind::flag: {
      const auto flag = parse_flag(value);
      if (!flag) return quote(value) + " is not a valid boolean.";
      value = *flag ? "true" : "false";
      return std::nullopt;
    }
    case OptionKind::choice:
      break;
  }
  std::string word = ascii_lower(value);
  if (std::ranges::find(option.choices, word) != option.choices.end()) {
    value = std::move(word);
    return std::nullopt;
  }
  return not_one_of(value, option.choices);
}

// Boost refuses "--name=" without a value; an empty value is one, so it becomes a word of its own.
std::vector<std::string> words_of(std::span<char* const> arguments) {
  std::vector<std::string> words;
  bool options = true;
  for (const char* argument : arguments) {
    std::string word = argument;
    if (word == "--") options = false;
    if (options && word.size() > 3 && word.starts_with("--") && word.find('=') == word.size() - 1) {
      word.pop_back();
      words.push_back(std::move(word));
      words.emplace_back();
    } else {
      words.push_back(std::move(word));
    }
  }
  return words;
}

}  // namespace

// One reading of one command line; fills an OptionValues from the strongest source to the weakest.
class OptionReader {
 public:
  explicit OptionReader(const CommandSpec& command) : command_(command) {
    values_.command_ = &command;
    for (const OptionSpec& option : command.options) {
      values_.found_.emplace(option.name, OptionValues::Found{});
    }
  }

  Result<OptionValues> read(std::span<char* const> arguments) {
    if (auto done = read_command_line(words_of(arguments)); !done) return done.error();
    if (values_.help_) return std::move(values_);
    read_environment();
    if (auto done = read_config(); !done) return done.error();
    if (auto done = finish(); !done) return done.error();
    return std::move(values_);
  }

 private:
  Result<void> read_command_line(const std::vector<std::string>& words) {
    po::options_description known;
    known.add_options()("help,h", "");
    for (const OptionSpec& option : command_.options) {
      std::string names(option.name);
      if (option.letter != 0) names += std::string(",") + option.letter;
      if (option.kind == OptionKind::flag) {
        known.add_options()(names.c_str(), "");
      } else {
        known.add_options()(names.c_str(), po::value<std::string>(), "");
      }
    }
    namespace style = po::command_line_style;
    try {
      const auto parsed = po::command_line_parser(words)
                              .options(known)
                              .style(style::unix_style & ~style::allow_guessing)
                              .run();
      for (const po::option& option : parsed.options) {
        if (auto taken = take(option); !taken) return taken.error();
      }
    } catch (const po::unknown_option& error) {
      return unknown(error.get_option_name());
    } catch (const po::invalid_command_line_syntax& error) {
      return syntax(error);
    } catch (const po::error& error) {
      return usage_error(error.what());
    }
    return {};
  }

  Result<void> take(const po::option& option) {
    if (option.position_key >= 0) {
      for (const std::string& value : option.value) values_.arguments_.push_back(value);
      return {};
    }
    if (option.string_key == "help") {
      values_.help_ = true;
      return {};
    }
    const OptionSpec& spec = *spec_of(command_, option.string_key);
    OptionValues::Found& found = values_.found_.find(spec.name)->second;
    found.source = OptionSource::command_line;
    // Of an option that is not repeatable the last one counts.
    if (!spec.repeatable) found.values.clear();
    found.values.push_back(spec.kind == OptionKind::flag ? "true" : option.value.at(0));
    return {};
  }

  [[nodiscard]] Error unknown(const std::string& name) const {
    const auto first = name.find_first_not_of('-');
    const std::string_view word = std::string_view(name).substr(std::min(first, name.size()));
    return usage_error("No such option " + quote(name) + "." +
                       did_you_mean(word, names_of(command_), "--"));
  }

  [[nodiscard]] static Error syntax(const po::invalid_command_line_syntax& error) {
    using kind = po::invalid_syntax;
    switch (error.kind()) {
      case kind::missing_parameter:
      case kind::empty_adjacent_parameter:
        return usage_error("Option " + quote(error.get_option_name()) + " requires an argument.");
      case kind::extra_parameter:
      case kind::long_adjacent_not_allowed:
      case kind::short_adjacent_not_allowed:
        return usage_error("Option " + quote(error.get_option_name()) + " does not take a value.");
      default:
        return usage_error(error.what());
    }
  }

  void read_environment() {
    for (const OptionSpec& option : command_.options) {
      if (option.variable.empty()) continue;
      const char* value = std::getenv(std::string(option.variable).c_str());
      if (value != nullptr && *value != '\0') {
        offer(option, OptionSource::environment, {value});
      }
    }
  }

  // Takes the values unless a stronger source already gave some.
  void offer(const OptionSpec& option, OptionSource source, std::vector<std::string> values) {
    OptionValues::Found& found = values_.found_.find(option.name)->second;
    if (found.source == OptionSource::none) found = {source, std::move(values)};
  }

  Result<void> read_config() {
    if (spec_of(command_, "config") == nullptr || !values_.has("config")) return {};
    const std::string& path = values_.text("config");
    std::ifstream file(path);
    if (!file) return values_.invalid("config", "File " + quote(path) + " cannot be read.");
    std::map<std::string, std::vector<std::string>, std::less<>> lines;
    std::string line;
    for (std::size_t number = 1; std::getline(file, line); ++number) {
      if (auto done = read_config_line(line, lines); !done) {
        return usage_error(path + ":" + std::to_string(number) + ": " + done.error().what);
      }
    }
    if (file.bad()) return values_.invalid("config", "File " + quote(path) + " cannot be read.");
    for (auto& [name, values] : lines) {
      offer(*spec_of(command_, name), OptionSource::config, std::move(values));
    }
    return {};
  }

  Result<void> read_config_line(
      std::string_view line, std::map<std::string, std::vector<std::string>, std::less<>>& lines) {
    line = trimmed(line);
    if (line.empty() || line.front() == '#') return {};
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) return usage_error("expected 'option-name = value'.");
    const std::string_view key = trimmed(line.substr(0, equals));
    const std::string_view value = trimmed(line.substr(equals + 1));
    const OptionSpec* option = spec_of(command_, key);
    if (option == nullptr) {
      return usage_error("No such option " + quote(key) + "." +
                         did_you_mean(key, names_of(command_), ""));
    }
    if (key == "config") return usage_error("'config' cannot be set in a configuration file.");
    if (value.empty()) return {};
    auto& values = lines[std::string(key)];
    if (!values.empty() && !option->repeatable) {
      return usage_error("Option " + quote(key) + " is set twice.");
    }
    values.emplace_back(value);
    return {};
  }

  Result<void> finish() {
    for (const OptionSpec& option : command_.options) {
      if (!option.fallback.empty()) {
        offer(option, OptionSource::fallback, {std::string(option.fallback)});
      }
      OptionValues::Found& found = values_.found_.find(option.name)->second;
      if (option.required && found.source == OptionSource::none) {
        return usage_error("Missing option '--" + std::string(option.name) + "'.");
      }
      for (std::string& value : found.values) {
        if (const auto wrong = check_value(option, value)) {
          return values_.invalid(option.name, *wrong);
        }
      }
    }
    return check_arguments();
  }

  [[nodiscard]] Result<void> check_arguments() const {
    const std::size_t given = values_.arguments_.size();
    const bool many = !command_.arguments.empty() && command_.arguments.back().many;
    if (given > command_.arguments.size() && !many) {
      return usage_error("Got unexpected extra argument (" +
                         values_.arguments_[command_.arguments.size()] + ")");
    }
    for (std::size_t i = given; i < command_.arguments.size(); ++i) {
      if (command_.arguments[i].required) {
        return usage_error("Missing argument " + quote(command_.arguments[i].name) + ".");
      }
    }
    for (std::size_t i = 0; i < given; ++i) {
      const ArgumentSpec& argument = command_.arguments[std::min(i, command_.arguments.size() - 1)];
      const std::string& value = values_.arguments_[i];
      if (argument.choices.empty() ||
          std::ranges::find(argument.choices, value) != argument.choices.end()) {
        continue;
      }
      return usage_error("Invalid value for " + quote(argument.name) + ": " +
                         not_one_of(value, argument.choices));
    }
    return {};
  }

  const CommandSpec& command_;
  OptionValues values_;
};

Result<OptionValues> read_options(const CommandSpec& command, std::span<char* const> arguments) {
  return OptionReader(command).read(arguments);
}

const OptionValues::Found& OptionValues::found(std::string_view name) const {
  const auto at = found_.find(name);
  if (at == found_.end()) throw std::logic_error("no such option: " + std::string(name));
  return at->second;
}

bool OptionValues::has(std::string_view name) const {
  return found(name).source != OptionSource::none;
}

OptionSource OptionValues::source(std::string_view name) const { return found(name).source; }

const std::string& OptionValues::text(std::string_view name) const {
  static const std::string none;
  const auto& values = found(name).values;
  return values.empty() ? none : values.back();
}

const std::vector<std::string>& OptionValues::list(std::string_view name) const {
  return found(name).values;
}

bool OptionValues::flag(std::string_view name) const { return text(name) == "true"; }

std::int64_t OptionValues::integer(std::string_view name) const {
  const auto number = parse_number<std::int64_t>(text(name));
  if (!number) throw std::logic_error("not an integer option: " + std::string(name));
  return *number;
}

double OptionValues::number(std::string_view name) const {
  const auto number = parse_number<double>(text(name));
  if (!number) throw std::logic_error("not a number option: " + std::string(name));
  return *number;
}

const std::string& OptionValues::argument(std::size_t index) const {
  static const std::string none;
  return index < arguments_.size() ? arguments_[index] : none;
}

Error OptionValues::invalid(std::string_view name, std::string_view why) const {
  std::string text = "Invalid value for '--" + std::string(name) + "': " + std::string(why);
  if (source(name) == OptionSource::environment) {
    text += " (from " + std::string(spec_of(*command_, name)->variable) + ")";
  } else if (source(name) == OptionSource::config) {
    text += " (from " + this->text("config") + ")";
  }
  return usage_error(std::move(text));
}

Error usage_error(std::string what) {
  return {std::make_error_code(std::errc::invalid_argument), std::move(what)};
}

bool is_usage_error(const Error& error) { return error.code == std::errc::invalid_argument; }

}  // namespace charter::ipc
