// The options of a command as one table, from which the parser, the help text and later the man
// pages and completions come. A value is looked for on the command line, then in the environment
// (an empty variable counts as unset), then in the configuration file, then in the table.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/error.h"

namespace charter::ipc {

// What a value must look like; `flag` takes none on the command line, and yes/no/on/off/true/
// false/1/0 elsewhere. `choice` is compared without regard to case and kept in lower case.
enum class OptionKind { flag, text, integer, number, choice };

struct OptionSpec {
  std::string_view name;           // without dashes; also the key in a configuration file
  char letter = 0;                 // one-letter form, 0 for none
  std::string_view variable = {};  // of the environment, empty for none
  std::string_view fallback = {};  // the default as text, empty for none
  std::string_view metavar = {};   // as in the help: FILE, SECONDS, ...
  std::string_view help = {};
  OptionKind kind = OptionKind::text;
  bool repeatable = false;
  bool required = false;
  std::string_view shown_default = {};  // when the default is found at run time
  std::span<const std::string_view> choices = {};
};

struct ArgumentSpec {
  std::string_view name;  // as in the usage line: RUN, WORKFLOW
  std::string_view help;
  bool required = true;
  bool many = false;                               // takes all that is left; the last argument only
  std::span<const std::string_view> choices = {};  // none: any text
};

struct Example {
  std::string_view command;
  std::string_view what;
};

struct ExitCode {
  int code;
  std::string_view meaning;
};

// A command. All views point at static storage. An option named `config` makes the command read
// the file it names. `--help` and `-h` need no entry.
struct CommandSpec {
  std::string_view name;         // "start"
  std::string_view summary;      // one line, no full stop
  std::string_view description;  // paragraphs separated by an empty line
  std::span<const OptionSpec> options = {};
  std::span<const ArgumentSpec> arguments = {};
  std::span<const Example> examples = {};
  std::span<const ExitCode> exit_codes = {};
};

enum class OptionSource { none, fallback, config, environment, command_line };

// The values found for one command. Asking for a name that is not in its table, or for a kind
// the table does not give it, throws std::logic_error.
class OptionValues {
 public:
  // Whether there is a value at all, the default included.
  [[nodiscard]] bool has(std::string_view name) const;
  [[nodiscard]] OptionSource source(std::string_view name) const;
  // The last value; empty when there is none.
  [[nodiscard]] const std::string& text(std::string_view name) const;
  [[nodiscard]] const std::vector<std::string>& list(std::string_view name) const;
  [[nodiscard]] bool flag(std::string_view name) const;
  [[nodiscard]] std::int64_t integer(std::string_view name) const;
  [[nodiscard]] double number(std::string_view name) const;
  // By position; empty when it was not given.
  [[nodiscard]] const std::string& argument(std::size_t index) const;
  [[nodiscard]] const std::vector<std::string>& arguments() const { return arguments_; }

  [[nodiscard]] bool help_asked() const { return help_; }
  [[nodiscard]] const CommandSpec& command() const { return *command_; }

  // "Invalid value for '--max-runs': must be at least 1", with the variable or the file behind it
  // when the value came from there. A usage error, for checks that the table cannot express.
  [[nodiscard]] Error invalid(std::string_view name, std::string_view why) const;

 private:
  friend class OptionReader;
  struct Found {
    OptionSource source = OptionSource::none;
    std::vector<std::string> values;
  };
  [[nodiscard]] const Found& found(std::string_view name) const;

  const CommandSpec* command_ = nullptr;
  std::map<std::string, Found, std::less<>> found_;
  std::vector<std::string> arguments_;
  bool help_ = false;
};

// Reads what follows the command's name. Every error is a usage error for people, with the
// nearest name when an option or key is unknown. With --help nothing else is checked.
[[nodiscard]] Result<OptionValues> read_options(const CommandSpec& command,
                                                std::span<char* const> arguments);

// What is said of a value that read_time() does not take.
inline constexpr std::string_view kTimeRule =
    "must be a number with s, m, h or d, at most 100000000, as in 7d";
// "0", "90s", "15m", "12h" or "7d"; nothing for any other text.
[[nodiscard]] std::optional<std::chrono::seconds> read_time(std::string_view text);

// Usage errors end a program with exit code 2. Only `what` of such an error is for people.
[[nodiscard]] Error usage_error(std::string what);
[[nodiscard]] bool is_usage_error(const Error& error);
inline constexpr int kExitUsage = 2;

// The help of one command, ending in a newline.
[[nodiscard]] std::string help_text(const CommandSpec& command);
// `text` indented by so many blanks and broken at 80 columns, ending in a newline.
[[nodiscard]] std::string wrapped(std::string_view text, std::size_t indent);
// Two lines for above an error: how the command is called and where its help is.
[[nodiscard]] std::string usage_hint(const CommandSpec& command);

// The candidate a misspelt word most likely meant; empty when none is near.
[[nodiscard]] std::string_view nearest(std::string_view word,
                                       std::span<const std::string_view> candidates);

}  // namespace charter::ipc
