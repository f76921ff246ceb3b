// A real gateway in a process of its own, on a directory and a port of the test's.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "gateway/gateway.h"
#include "tests/support/wait.h"
#include "tests/unit/gateway/scratch.h"

namespace charter::gateway {

inline std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

struct EndedGateway {
  int code = -1;
  std::string err;
};

// One that is expected to end by itself.
inline EndedGateway run_gateway(std::vector<std::string> words) {
  const Scratch scratch;
  const std::string log = scratch / "log";
  words.insert(words.begin(), "gateway");
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(::open(log.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), STDERR_FILENO);
    std::exit(gateway_main(static_cast<int>(argv.size()) - 1, argv.data()));
  }
  int status = 0;
  const bool ended =
      tests::eventually(tests::kSoon, [&] { return ::waitpid(child, &status, WNOHANG) == child; });
  if (!ended) {
    ::kill(child, SIGKILL);
    ::waitpid(child, &status, 0);
  }
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, slurp(log)};
}

class GatewayProcess {
 public:
  explicit GatewayProcess(std::vector<std::string> more = {}) : more_(std::move(more)) { start(); }
  // Ends it in order, so that a sanitizer gets to say what it has found.
  ~GatewayProcess() {
    if (pid_ > 0) {
      signal(SIGTERM);
      EXPECT_EQ(wait(), 0) << log();
    }
    EXPECT_EQ(log().find("Sanitizer"), std::string::npos) << log();
    EXPECT_EQ(log().find("runtime error"), std::string::npos) << log();
  }
  GatewayProcess(const GatewayProcess&) = delete;
  GatewayProcess& operator=(const GatewayProcess&) = delete;

  // On the port it had before, if it had one.
  void start() {
    const auto at = launch(port_);
    pid_ = at;
    if (!tests::eventually(tests::kSoon, [this] { return found_port(); })) {
      throw std::runtime_error("the gateway did not start: " + log());
    }
  }
  // SIGKILL.
  void kill() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    (void)wait();
  }
  void signal(int number) const { ::kill(pid_, number); }
  // The exit code, or 128 + the signal.
  int wait() {
    int status = 0;
    ::waitpid(std::exchange(pid_, -1), &status, 0);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
  // Files of the gateway may grow to this, as if the disk were full there.
  void limit_files(rlim_t bytes) const {
    const rlimit limit{.rlim_cur = bytes, .rlim_max = RLIM_INFINITY};
    if (::prlimit(pid_, RLIMIT_FSIZE, &limit, nullptr) != 0) throw std::runtime_error("prlimit");
  }

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::string log() const { return slurp(scratch_ / "log"); }
  [[nodiscard]] std::string data() const { return scratch_ / "data"; }

 private:
  pid_t launch(std::uint16_t port) const {
    const std::string out = scratch_ / "out";
    ::unlink(out.c_str());
    std::vector<std::string> words{"gateway", "--listen", "127.0.0.1:" + std::to_string(port),
                                   "--data", data()};
    words.insert(words.end(), more_.begin(), more_.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child != 0) return child;
    ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600), STDOUT_FILENO);
    const std::string log = scratch_ / "log";
    ::dup2(::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600), STDERR_FILENO);
    std::exit(gateway_main(static_cast<int>(argv.size()) - 1, argv.data()));
  }
  bool found_port() {
    const std::string text = slurp(scratch_ / "out");
    const auto colon = text.rfind(':');
    if (!text.ends_with('\n') || colon == std::string::npos) return false;
    port_ = static_cast<std::uint16_t>(std::stoi(text.substr(colon + 1)));
    return true;
  }

  Scratch scratch_;
  std::vector<std::string> more_;
  std::uint16_t port_ = 0;
  pid_t pid_ = -1;
};

}  // namespace charter::gateway
