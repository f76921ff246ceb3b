#include "tests/support/call_trace.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <utility>

#include "tests/support/child_process.h"
#include "tests/support/files.h"

namespace charter::tests {
namespace {

constexpr const char* kStrace = "/usr/bin/strace";
constexpr const char* kCalls =
    "trace=openat,creat,write,pwrite64,pwritev,writev,fsync,fdatasync,ftruncate,truncate,rename,"
    "renameat,renameat2,link,linkat,unlink,unlinkat,mkdir,mkdirat,rmdir,sendmsg,sendto";

int digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

// Every byte is shown as \xhh.
std::string unescaped(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 4);
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] == '\\' && at + 3 < text.size() && text[at + 1] == 'x') {
      bytes += static_cast<char>(digit(text[at + 2]) * 16 + digit(text[at + 3]));
      at += 4;
    } else {
      bytes += text[at++];
    }
  }
  return bytes;
}

// Splits at the commas outside of brackets; returns what is behind the closing parenthesis.
std::string_view split(std::string_view text, std::vector<std::string>& arguments) {
  std::string one;
  int depth = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == ')' && depth == 0) {
      if (!one.empty()) arguments.push_back(one);
      return text.substr(at + 1);
    }
    if (c == '[' || c == '{' || c == '(') ++depth;
    if (c == ']' || c == '}' || c == ')') --depth;
    if (c == ',' && depth == 0) {
      arguments.push_back(std::exchange(one, {}));
      if (at + 1 < text.size() && text[at + 1] == ' ') ++at;
    } else {
      one += c;
    }
  }
  return {};
}

// `text` is all of a call that has returned: name(arguments) = result.
bool parse_call(std::string_view text, TracedCall& call) {
  const auto open = text.find('(');
  if (open == std::string_view::npos) return false;
  call.name = text.substr(0, open);
  const std::string_view rest = split(text.substr(open + 1), call.arguments);
  const auto equals = rest.find("= ");
  if (equals == std::string_view::npos || rest.substr(equals + 2).starts_with('?')) return false;
  const std::string result(rest.substr(equals + 2));
  call.result = std::strtol(result.c_str(), nullptr, 10);
  call.made = annotation(result);
  return true;
}

}  // namespace

std::vector<std::string> tracing_command(const std::string& trace_file, const std::string& inject) {
  std::vector<std::string> command{kStrace, "-D",         "-f",       "-qq",      "--seccomp-bpf",
                                   "-y",    "-xx",        "-s",       "16777216", "-ttt",
                                   "-A",    "-o",         trace_file, "-e",       kCalls,
                                   "-e",    "signal=none"};
  if (!inject.empty()) command.insert(command.end(), {"-e", "inject=" + inject});
  return command;
}

bool tracing_is_possible() {
  static const bool possible = [] {
    ChildSpec spec;
    spec.argv = {kStrace, "-D", "-f", "-o", "/dev/null", "--seccomp-bpf", "/bin/true"};
    return exists(kStrace) && run_to_end(std::move(spec)).code == 0;
  }();
  return possible;
}

std::vector<TracedCall> read_trace(const std::string& trace_file) {
  constexpr std::string_view kUnfinished = " <unfinished ...>";
  constexpr std::string_view kResumed = " resumed>";
  struct Begun {
    TracedCall call;
    std::string text;
  };
  std::map<int, Begun> under_way;
  std::vector<TracedCall> calls;
  Moment moment = 0;
  const std::string all = read_file(trace_file);
  for (std::size_t at = 0; at < all.size();) {
    const std::size_t end = std::min(all.find('\n', at), all.size());
    std::string_view line(all.data() + at, end - at);
    at = end + 1;
    ++moment;
    TracedCall call;
    call.thread = static_cast<int>(number(line));
    line.remove_prefix(std::min(line.find(' '), line.size()));
    line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
    call.at_s = std::strtod(std::string(line.substr(0, line.find(' '))).c_str(), nullptr);
    line.remove_prefix(std::min(line.find(' ') + 1, line.size()));
    call.begun = moment;
    std::string text(line);
    if (line.ends_with(kUnfinished)) {
      text.resize(text.size() - kUnfinished.size());
      const int thread = call.thread;
      under_way[thread] = {std::move(call), std::move(text)};
      continue;
    }
    if (line.starts_with("<... ")) {
      const auto begun = under_way.find(call.thread);
      const auto rest = line.find(kResumed);
      if (begun == under_way.end() || rest == std::string_view::npos) continue;
      text = begun->second.text + std::string(line.substr(rest + kResumed.size()));
      call = std::move(begun->second.call);
      under_way.erase(begun);
    }
    call.ended = moment;
    if (parse_call(text, call)) calls.push_back(std::move(call));
  }
  return calls;
}

std::string quoted_text(std::string_view argument) {
  std::string joined;
  for (std::size_t at = 0; (at = argument.find('"', at)) != std::string_view::npos;) {
    const auto end = argument.find('"', at + 1);
    if (end == std::string_view::npos) throw std::runtime_error("a torn trace");
    joined += unescaped(argument.substr(at + 1, end - at - 1));
    if (argument.substr(end + 1).starts_with("...")) throw std::runtime_error("a trace cut short");
    at = end + 1;
  }
  return joined;
}

std::string annotation(std::string_view argument) {
  const auto open = argument.find('<');
  const auto close = argument.find('>', open);
  if (open == std::string_view::npos || close == std::string_view::npos) return {};
  return unescaped(argument.substr(open + 1, close - open - 1));
}

long number(std::string_view argument) {
  const std::string text(argument.substr(0, argument.find_first_not_of("-0123456789")));
  return text.empty() ? -1 : std::strtol(text.c_str(), nullptr, 10);
}

}  // namespace charter::tests
