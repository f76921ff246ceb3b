// The client in a process of its own, on a project of the test, and a daemon of which the test
// speaks every line itself.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "client/client.h"
#include "client/outcome.h"
#include "ipc/unique_fd.h"
#include "tests/support/wait.h"
#include "tests/unit/client/scratch.h"

namespace charter::client {

// A project root with a socket's place.
struct Project {
  Scratch scratch;
  std::string root = scratch / "project";
  std::string socket = root + "/.charter/daemon.sock";

  Project() {
    scratch.write("project/charter.yml", "name: test\n");
    std::filesystem::create_directories(root + "/.charter/runs");
  }
};

class ClientRun {
 public:
  ClientRun(const Project& project, std::vector<std::string> arguments,
            std::map<std::string, std::string> environment = {})
      : out_(project.scratch / "out"), err_(project.scratch / "err") {
    pid_ = ::fork();
    if (pid_ != 0) return;
    redirect(out_, STDOUT_FILENO);
    redirect(err_, STDERR_FILENO);
    for (const char* name : {"CHARTER_PROJECT_PATH", "CHARTER_DAEMON_SOCKET"}) ::unsetenv(name);
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    if (::chdir(project.root.c_str()) != 0) ::_exit(126);
    arguments.insert(arguments.begin(), "charter-daemon");
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    ::_exit(client_main(static_cast<int>(argv.size()), argv.data()));
  }
  ~ClientRun() {
    if (code_ || pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ClientRun(const ClientRun&) = delete;
  ClientRun& operator=(const ClientRun&) = delete;

  // The exit code, -1 when it did not end in time; 128 + the signal when one ended it.
  int wait(tests::milliseconds limit = tests::kSoon) {
    (void)tests::eventually(limit, [this] { return ended(); });
    return code_.value_or(-1);
  }
  [[nodiscard]] bool ended() {
    int status = 0;
    if (!code_ && ::waitpid(pid_, &status, WNOHANG) == pid_) {
      code_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return code_.has_value();
  }
  void signal(int number) const { ::kill(pid_, number); }
  [[nodiscard]] std::string out() const { return read_file(out_); }
  [[nodiscard]] std::string err() const { return read_file(err_); }

 private:
  static void redirect(const std::string& path, int to) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    ::dup2(fd, to);
    ::close(fd);
  }
  std::string out_;
  std::string err_;
  pid_t pid_ = -1;
  std::optional<int> code_;
};

// One connection the client made.
class Visit {
 public:
  explicit Visit(ipc::UniqueFd socket) : socket_(std::move(socket)) {}

  // The request line without its newline, "" at the end or when none comes in time.
  std::string request() {
    std::string line;
    char c = 0;
    while (readable() && ::recv(socket_.get(), &c, 1, 0) == 1 && c != '\n') line += c;
    return line;
  }
  void say(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void hang_up() { socket_.reset(); }

 private:
  [[nodiscard]] bool readable() const {
    pollfd ready{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    return ::poll(&ready, 1, static_cast<int>(tests::kSoon.count())) > 0;
  }
  ipc::UniqueFd socket_;
};

class ScriptedDaemon {
 public:
  explicit ScriptedDaemon(const std::string& path) : path_(path) { listen(); }
  ~ScriptedDaemon() { leave(); }
  ScriptedDaemon(const ScriptedDaemon&) = delete;
  ScriptedDaemon& operator=(const ScriptedDaemon&) = delete;

  // The next connection; throws when none comes in time.
  Visit accept() {
    pollfd ready{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (::poll(&ready, 1, static_cast<int>(tests::kSoon.count())) <= 0) {
      throw std::runtime_error("no client came");
    }
    return Visit(ipc::UniqueFd(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
  }
  // One whole exchange; the request.
  std::string answer(std::string_view text) {
    Visit visit = accept();
    std::string request = visit.request();
    visit.say(text);
    return request;
  }
  void leave() {
    socket_.reset();
    ::unlink(path_.c_str());
  }
  void listen() {
    socket_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    if (::bind(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(socket_.get(), 16) != 0) {
      throw std::runtime_error("listen on " + path_);
    }
  }

 private:
  std::string path_;
  ipc::UniqueFd socket_;
};

}  // namespace charter::client
