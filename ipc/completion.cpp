#include "ipc/completion.h"

#include <algorithm>
#include <cstddef>

namespace charter::ipc {
namespace {

constexpr std::string_view kBash = R"(# charter-daemon's completion for bash:
#   source <(charter-daemon completion bash)
_charter_daemon() {
  local line=("${COMP_WORDS[@]:1:COMP_CWORD}") found
  # bash takes = for a word of its own.
  local word=${COMP_WORDS[COMP_CWORD]} cut=
  if [[ $word == = ]]; then
    line=("${COMP_WORDS[@]:1:COMP_CWORD-2}" "${COMP_WORDS[COMP_CWORD-1]}=") cut=1
  elif ((COMP_CWORD > 2)) && [[ ${COMP_WORDS[COMP_CWORD-1]} == = ]]; then
    line=("${COMP_WORDS[@]:1:COMP_CWORD-3}" "${COMP_WORDS[COMP_CWORD-2]}=$word") cut=1
  fi
  mapfile -t found < <("${COMP_WORDS[0]}" complete -- "${line[@]}" 2>/dev/null)
  case ${found[0]-} in
    :files) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "${word#=}") ;;
    :directories) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "${word#=}") ;;
    *)
      [[ -z $cut ]] || found=("${found[@]#*=}")
      COMPREPLY=()
      ((${#found[@]} == 0)) || mapfile -t COMPREPLY < <(printf '%q\n' "${found[@]}")
      ;;
  esac
}
complete -F _charter_daemon charter-daemon
)";

constexpr std::string_view kZsh = R"(#compdef charter-daemon
# charter-daemon's completion for zsh:
#   source <(charter-daemon completion zsh)
_charter_daemon() {
  local -a found
  found=("${(@f)$("${words[1]}" complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)}")
  case ${found[1]} in
    :files) compset -P '*='; _files ;;
    :directories) compset -P '*='; _files -/ ;;
    *) compadd -- "${found[@]}" ;;
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _charter_daemon "$@"
else
  compdef _charter_daemon charter-daemon
fi
)";

constexpr std::string_view kFish = R"(# charter-daemon's completion for fish:
#   charter-daemon completion fish | source
function __charter_daemon
    set -l line (commandline -opc) (commandline -ct)
    set -l found ($line[1] complete -- $line[2..-1] 2>/dev/null)
    switch "$found[1]"
        case :files
            __fish_complete_path (commandline -ct)
        case :directories
            __fish_complete_directories (commandline -ct)
        case '*'
            printf '%s\n' $found
    end
end
complete -c charter-daemon -f -a '(__charter_daemon)'
)";

const OptionSpec* option_of(const CommandSpec& command, std::string_view word) {
  for (const OptionSpec& option : command.options) {
    const bool long_form = word.starts_with("--") && word.substr(2) == option.name;
    const bool short_form =
        word.size() == 2 && word[0] == '-' && option.letter != 0 && word[1] == option.letter;
    if (long_form || short_form) return &option;
  }
  return nullptr;
}

Names named_by(std::string_view metavar) {
  if (metavar == "RUN") return Names::runs;
  if (metavar == "WORKFLOW") return Names::workflows;
  if (metavar == "DIRECTORY") return Names::directories;
  return metavar == "FILE" || metavar == "PATH" ? Names::files : Names::nothing;
}

class Line {
 public:
  Line(std::span<const CommandSpec* const> commands, std::span<const std::string_view> topics,
       std::span<const std::string_view> words)
      : commands_(commands),
        topics_(topics),
        before_(words.first(words.size() - 1)),
        word_(words.back()) {}

  Completion complete() {
    if (before_.empty()) {
      for (const CommandSpec* command : commands_) offer(command->name);
      for (const std::string_view other : {"help", "--help", "--version"}) offer(other);
      return std::move(found_);
    }
    if (before_.front() == "help" && before_.size() == 1) {
      for (const CommandSpec* command : commands_) offer(command->name);
      for (const std::string_view topic : topics_) offer(topic);
      return std::move(found_);
    }
    const auto command =
        std::find_if(commands_.begin(), commands_.end(),
                     [this](const CommandSpec* one) { return one->name == before_.front(); });
    if (command != commands_.end()) within(**command);
    return std::move(found_);
  }

 private:
  void offer(std::string_view word, std::string_view in_front = {}) {
    std::string whole = std::string(in_front) + std::string(word);
    if (whole.starts_with(word_)) found_.words.push_back(std::move(whole));
  }

  void value_of(const OptionSpec& option, std::string_view in_front) {
    for (const std::string_view choice : option.choices) offer(choice, in_front);
    if (option.choices.empty()) found_.names = named_by(option.metavar);
  }

  // What was given before decides what can come now.
  void within(const CommandSpec& command) {
    const OptionSpec* open = nullptr;  // waits for its value
    std::vector<std::string_view> given;
    bool only_arguments = false;
    for (const std::string_view word : before_.subspan(1)) {
      if (open != nullptr) {
        note_where(*open, word);
        open = nullptr;
      } else if (!only_arguments && word == "--") {
        only_arguments = true;
      } else if (!only_arguments && word.starts_with('-') && word.size() > 1) {
        const std::size_t equals = word.find('=');
        const OptionSpec* option = option_of(command, word.substr(0, equals));
        if (option == nullptr) continue;
        given.push_back(option->name);
        if (equals != std::string_view::npos) {
          note_where(*option, word.substr(equals + 1));
        } else if (option->kind != OptionKind::flag) {
          open = option;
        }
      } else {
        ++arguments_;
      }
    }
    if (open != nullptr) return value_of(*open, {});
    if (!only_arguments && word_.starts_with('-')) return option(command, given);
    argument(command);
  }

  void option(const CommandSpec& command, const std::vector<std::string_view>& given) {
    if (const std::size_t equals = word_.find('='); equals != std::string_view::npos) {
      if (const OptionSpec* known = option_of(command, word_.substr(0, equals))) {
        value_of(*known, word_.substr(0, equals + 1));
      }
      return;
    }
    for (const OptionSpec& one : command.options) {
      const bool again = std::find(given.begin(), given.end(), one.name) != given.end();
      if (!again || one.repeatable) offer("--" + std::string(one.name));
    }
    offer("--help");
  }

  void argument(const CommandSpec& command) {
    if (command.arguments.empty()) return;
    if (arguments_ >= command.arguments.size() && !command.arguments.back().many) return;
    const std::size_t which = std::min(arguments_, command.arguments.size() - 1);
    const ArgumentSpec& spec = command.arguments[which];
    for (const std::string_view choice : spec.choices) offer(choice);
    if (spec.name == "COMMAND") {
      for (const CommandSpec* one : commands_) offer(one->name);
    } else if (spec.choices.empty()) {
      found_.names = named_by(spec.name);
    }
  }

  void note_where(const OptionSpec& option, std::string_view value) {
    if (option.name != "project-path" && option.name != "socket-path") return;
    found_.where.push_back("--" + std::string(option.name));
    found_.where.emplace_back(value);
  }

  std::span<const CommandSpec* const> commands_;
  std::span<const std::string_view> topics_;
  std::span<const std::string_view> before_;
  std::string_view word_;
  std::size_t arguments_ = 0;
  Completion found_;
};

}  // namespace

Completion complete(std::span<const CommandSpec* const> commands,
                    std::span<const std::string_view> topics,
                    std::span<const std::string_view> line) {
  return line.empty() ? Completion() : Line(commands, topics, line).complete();
}

std::string_view completion_script(std::string_view shell) {
  if (shell == "bash") return kBash;
  if (shell == "zsh") return kZsh;
  return shell == "fish" ? kFish : std::string_view();
}

}  // namespace charter::ipc
