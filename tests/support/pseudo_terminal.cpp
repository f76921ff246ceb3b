#include "tests/support/pseudo_terminal.h"

#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <stdexcept>

namespace charter::tests {

PseudoTerminal::PseudoTerminal() {
  std::array<char, 64> name{};
  if (openpty(&keyboard_, &child_end_, name.data(), nullptr, nullptr) != 0) {
    throw std::runtime_error("openpty");
  }
  name_ = name.data();
  fcntl(keyboard_, F_SETFL, O_NONBLOCK);
  fcntl(keyboard_, F_SETFD, FD_CLOEXEC);
  fcntl(child_end_, F_SETFD, FD_CLOEXEC);
}

PseudoTerminal::~PseudoTerminal() {
  close(child_end_);
  close(keyboard_);
}

// setsid makes it the terminal's own session and executes the command in its place.
ChildProcess PseudoTerminal::run(ChildSpec spec) const {
  spec.argv.insert(spec.argv.begin(), {"setsid", "--ctty"});
  spec.input = child_end_;
  spec.errors = name_;
  return ChildProcess(spec);
}

void PseudoTerminal::resize(unsigned short columns) const {
  winsize size{};
  size.ws_row = 24;
  size.ws_col = columns;
  if (ioctl(keyboard_, TIOCSWINSZ, &size) != 0) throw std::runtime_error("resize a terminal");
}

void PseudoTerminal::type(std::string_view keys) const {
  if (write(keyboard_, keys.data(), keys.size()) != static_cast<ssize_t>(keys.size())) {
    throw std::runtime_error("type at a terminal");
  }
}

const std::string& PseudoTerminal::shown() {
  std::array<char, 4096> buffer{};
  for (;;) {
    const ssize_t got = read(keyboard_, buffer.data(), buffer.size());
    if (got <= 0) return shown_;
    shown_.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

bool PseudoTerminal::shows(std::string_view text, milliseconds limit) {
  return eventually(limit, [&] {
    const auto at = shown().find(text, seen_);
    if (at == std::string::npos) return false;
    seen_ = at + text.size();
    return true;
  });
}

}  // namespace charter::tests
