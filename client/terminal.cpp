#include "client/terminal.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "client/outcome.h"
#include "client/text.h"
#include "ipc/peer.h"

namespace charter::client {
namespace {

constexpr std::size_t kChunk = 4096;  // what a terminal holds of one line

void put(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

}  // namespace

// In the background of a shell, reading would stop the program.
bool person_present() {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDERR_FILENO) == 0) return false;
  const pid_t foreground = ::tcgetpgrp(STDIN_FILENO);
  return foreground < 0 || foreground == ::getpgrp();
}

Terminal::Terminal(Meanwhile meanwhile) : meanwhile_(std::move(meanwhile)) {
  sigset_t interrupt;
  sigemptyset(&interrupt);
  sigaddset(&interrupt, SIGINT);
  sigprocmask(SIG_BLOCK, &interrupt, &before_);
  interrupts_.reset(::signalfd(-1, &interrupt, SFD_CLOEXEC | SFD_NONBLOCK));
}

// One that was not read ends the program here, as it would have without this.
Terminal::~Terminal() { sigprocmask(SIG_SETMASK, &before_, nullptr); }

bool Terminal::take_line(std::string& line) {
  const std::size_t end = typed_.find('\n');
  if (end == std::string::npos) return false;
  line = typed_.substr(0, end);
  typed_.erase(0, end + 1);
  if (line.ends_with('\r')) line.pop_back();
  return true;
}

Terminal::Said Terminal::ask(std::string_view prompt, std::string& line) {
  put(printable(prompt));
  while (!take_line(line)) {
    std::array<pollfd, 3> ready{
        {{STDIN_FILENO, POLLIN, 0},
         {interrupts_.get(), POLLIN, 0},
         {meanwhile_.descriptor ? meanwhile_.descriptor() : -1, POLLIN, 0}}};
    const int count = ::poll(ready.data(), ready.size(), timeout_of(meanwhile_.deadline));
    if (count < 0 && errno != EINTR) return Said::left;
    if (count == 0 && ipc::boot_ms() >= meanwhile_.deadline) {
      put("\n");
      return Said::late;
    }
    if (count <= 0) continue;
    if (ready[1].revents != 0) {
      signalfd_siginfo read_off{};
      (void)!::read(interrupts_.get(), &read_off, sizeof read_off);
      put("\n");
      return Said::left;
    }
    if (ready[2].revents != 0 && !meanwhile_.wanted()) {
      put("\n");
      return Said::withdrawn;
    }
    if (ready[0].revents == 0) continue;
    std::array<char, kChunk> buffer{};
    const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      put("\n");
      return Said::left;
    }
    typed_.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return Said::line;
}

void Terminal::show(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    tell("  " + std::string(text.substr(0, end)));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
}

}  // namespace charter::client
