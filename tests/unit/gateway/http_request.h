// Requests to the gateway's HTTP API, and its answers, with nothing but a socket.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/ws_frame.h"
#include "tests/unit/gateway/test_socket.h"

namespace charter::gateway {

struct Answer {
  int status = 0;  // 0: there was none
  std::string head;
  std::string body;

  [[nodiscard]] boost::json::object json() const {
    boost::system::error_code error;
    auto value = boost::json::parse(body, error);
    return !error && value.is_object() ? value.get_object() : boost::json::object{};
  }
  // A text member, also of the error object; empty when it is none.
  [[nodiscard]] std::string text(std::string_view name) const {
    const auto all = json();
    const auto* found = all.if_contains(name);
    if (found == nullptr) {
      const auto* error = all.if_contains("error");
      if (error != nullptr && error->is_object()) found = error->get_object().if_contains(name);
    }
    return found != nullptr && found->is_string() ? std::string(found->get_string()) : "";
  }
};

inline std::string request_text(std::string_view method, std::string_view target,
                                std::string_view body, const std::vector<std::string>& headers,
                                std::string_view host = "127.0.0.1") {
  std::string text(method);
  text.append(" ").append(target).append(" HTTP/1.1\r\nHost: ").append(host).append("\r\n");
  for (const auto& header : headers) text += header + "\r\n";
  if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
  return text.append("\r\n").append(body);
}

// Takes one answer with a Content-Length off the connection.
inline Answer read_answer(TestSocket& socket) {
  Answer answer;
  std::size_t end = 0;
  while ((end = socket.bytes().find("\r\n\r\n")) == std::string::npos) {
    if (!socket.receive()) return answer;
  }
  answer.head = socket.bytes().substr(0, end);
  socket.bytes().erase(0, end + 4);
  answer.status = std::stoi(answer.head.substr(9, 3));
  const auto length = tests::http_header(answer.head, "Content-Length");
  const std::size_t size = length ? std::stoul(*length) : 0;
  while (socket.bytes().size() < size && socket.receive()) {
  }
  answer.body = socket.bytes().substr(0, size);
  socket.bytes().erase(0, size);
  return answer;
}

inline Answer ask(std::uint16_t port, std::string_view method, std::string_view target,
                  std::string_view body = {}, const std::vector<std::string>& headers = {},
                  std::string_view host = "127.0.0.1") {
  TestSocket socket(port);
  socket.send(request_text(method, target, body, headers, host));
  return read_answer(socket);
}

inline Answer get(std::uint16_t port, std::string_view target) { return ask(port, "GET", target); }
inline Answer post(std::uint16_t port, std::string_view target, std::string_view body) {
  return ask(port, "POST", target, body);
}

// A run's events as server-sent events.
class EventReader {
 public:
  struct Item {
    std::string id;
    std::string event;
    std::string data;
  };

  EventReader(std::uint16_t port, std::string_view target,
              const std::vector<std::string>& headers = {}, int receive_buffer = 0)
      : socket_(port, receive_buffer) {
    std::vector<std::string> all{"Accept: text/event-stream"};
    all.insert(all.end(), headers.begin(), headers.end());
    socket_.send(request_text("GET", target, {}, all));
    std::size_t end = 0;
    while ((end = socket_.bytes().find("\r\n\r\n")) == std::string::npos && socket_.receive()) {
    }
    if (end == std::string::npos) return;
    head_ = socket_.bytes().substr(0, end);
    socket_.bytes().erase(0, end + 4);
  }

  [[nodiscard]] int status() const { return head_.empty() ? 0 : std::stoi(head_.substr(9, 3)); }
  [[nodiscard]] const std::string& head() const { return head_; }
  // The next item with data; nothing at the end or when the time is over.
  std::optional<Item> next(milliseconds limit = kSoon) {
    const auto deadline = Clock::now() + limit;
    while (Clock::now() < deadline) {
      const auto end = socket_.bytes().find("\n\n");
      if (end == std::string::npos) {
        if (!socket_.receive(limit)) return std::nullopt;
        continue;
      }
      Item item = parse(socket_.bytes().substr(0, end + 1));
      socket_.bytes().erase(0, end + 2);
      if (!item.data.empty()) return item;
    }
    return std::nullopt;
  }
  bool ends() { return socket_.receive_to_end(); }

 private:
  static Item parse(const std::string& block) {
    Item item;
    std::size_t at = 0;
    while (at < block.size()) {
      const auto end = block.find('\n', at);
      const std::string line = block.substr(at, end - at);
      at = end + 1;
      if (line.starts_with("id: ")) item.id = line.substr(4);
      if (line.starts_with("event: ")) item.event = line.substr(7);
      if (!line.starts_with("data: ")) continue;
      if (!item.data.empty()) item.data += '\n';
      item.data += line.substr(6);
    }
    return item;
  }

  TestSocket socket_;
  std::string head_;
};

}  // namespace charter::gateway
