// A gateway that records: accepts workers on a loopback port, appends every text message to a
// file and sends them the lines of its standard input. It is a process of its own so that tests
// can freeze and kill it, and cheap so that a benchmark measures the daemon and not this.
//
//   recorder FILE [PORT] [--protocol json|capnp]
//
// prints its port, then serves until its standard input ends. With `--protocol capnp` it chooses
// charter.capnp.v1 where that is offered; record and input are the stock messages all the same.
//
// A line of FILE is `<monotonic ns> <connection> <message>`; what is no message begins with '!':
// `!open <Authorization header>`, `!closed` and `!fault <what could not be read>`. What FILE shows
// was answered by pongs, or acknowledged, only after it was written. The input line `!drop` resets
// all connections instead of being sent.
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <list>
#include <string>
#include <vector>

#include "tests/support/recorder/connection.h"
#include "tests/support/recorder/record_file.h"

namespace charter::tests {
namespace {

int listen_on(std::uint16_t port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd, 256) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    std::perror("recorder: listen");
    std::exit(1);
  }
  std::printf("%u\n", static_cast<unsigned>(ntohs(address.sin_port)));
  std::fflush(stdout);
  return fd;
}

class Recorder {
 public:
  Recorder(const std::string& file, std::uint16_t port, bool capnp)
      : record_(file), listener_(listen_on(port)), capnp_(capnp) {}

  void serve() {
    while (input_open_) {
      wait();
      accept_all();
      for (auto at = connections_.begin(); at != connections_.end();) {
        // What a connection reads is in the file before its pong leaves.
        const bool alive = at->read(record_);
        record_.flush();
        if (alive && at->write()) {
          ++at;
        } else {
          record_.note(at->number(), "!closed");
          at = connections_.erase(at);
        }
      }
      if (input_ready_) read_input();
      record_.flush();
    }
  }

 private:
  void wait() {
    std::vector<pollfd> watched{{0, POLLIN, 0}, {listener_, POLLIN, 0}};
    for (const auto& connection : connections_) watched.push_back(connection.watched());
    poll(watched.data(), watched.size(), -1);
    input_ready_ = watched[0].revents != 0;
  }

  void accept_all() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      connections_.emplace_back(fd, ++accepted_, capnp_);
    }
  }

  void read_input() {
    char buffer[65536];
    const ssize_t got = ::read(0, buffer, sizeof buffer);
    input_open_ = got > 0;
    if (got > 0) input_.append(buffer, static_cast<std::size_t>(got));
    for (std::size_t end; (end = input_.find('\n')) != std::string::npos;) {
      const std::string line = input_.substr(0, end);
      input_.erase(0, end + 1);
      for (auto& connection : connections_) {
        if (line == "!drop") {
          connection.reset();
        } else {
          connection.send_message(line);
        }
      }
    }
    for (auto& connection : connections_) connection.write();
  }

  RecordFile record_;
  int listener_;
  bool capnp_;
  std::list<Connection> connections_;
  std::string input_;
  std::uint32_t accepted_ = 0;
  bool input_open_ = true;
  bool input_ready_ = false;
};

}  // namespace
}  // namespace charter::tests

int main(int argc, char** argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  bool capnp = false;
  const auto option = std::find(words.begin(), words.end(), "--protocol");
  const bool known = option == words.end() ||
                     (option + 1 != words.end() && (option[1] == "json" || option[1] == "capnp"));
  if (known && option != words.end()) {
    capnp = option[1] == "capnp";
    words.erase(option, option + 2);
  }
  if (!known || words.empty() || words.size() > 2) {
    std::fprintf(stderr, "usage: recorder FILE [PORT] [--protocol json|capnp]\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  const auto port = words.size() > 1 ? std::strtoul(words[1].c_str(), nullptr, 10) : 0UL;
  charter::tests::Recorder(words[0], static_cast<std::uint16_t>(port), capnp).serve();
}
