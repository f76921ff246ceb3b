// An HTTP proxy for tests that understands CONNECT and nothing else.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace charter::tests {

class ConnectProxy {
 public:
  // Whatever is asked for, the way leads to this port on loopback; names are not looked up.
  explicit ConnectProxy(std::uint16_t target);
  ~ConnectProxy();
  ConnectProxy(const ConnectProxy&) = delete;
  ConnectProxy& operator=(const ConnectProxy&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  // Sent in place of a tunnel from now on; empty: tunnels again.
  void answer_instead(std::string response);
  // The heads of all requests so far.
  [[nodiscard]] std::vector<std::string> requests() const;

 private:
  void accept_loop();
  void serve(int client);
  [[nodiscard]] bool take_request(int client);
  void relay(int client, int gateway) const;

  std::uint16_t target_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  std::atomic<bool> stop_ = false;
  mutable std::mutex mutex_;
  std::string answer_instead_;
  std::vector<std::string> requests_;
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

}  // namespace charter::tests
