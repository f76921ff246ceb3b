// A link on the test's own loop, a client that records, and ways to wait for both.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "supervisor/link/gateway_address.h"
#include "supervisor/link/link.h"
#include "tests/support/wait.h"
#include "tests/support/ws_server.h"

namespace charter::supervisor {

using std::chrono::milliseconds;
using tests::Clock;
using tests::kSoon;
using tests::WsRecord;
using tests::WsRules;
using tests::WsServer;

// Keeps messages as the relay does: what is not confirmed is sent again on the next connection.
class RecordingClient : public LinkClient {
 public:
  void link_up(WireProtocol protocol) override {
    ups.push_back(Clock::now());
    protocols.push_back(protocol);
    settled_batch = 0;
    sent = confirmed_messages;
    in_flight.clear();
    registered = false;
    fills = 0;
  }
  void link_down(std::string_view reason) override { downs.emplace_back(reason); }
  void fill(std::vector<std::string>& out, std::size_t max_bytes) override {
    ++fills;
    std::size_t bytes = 0;
    if (!registered) {
      out.emplace_back("register");
      registered = true;
    }
    while (sent < messages.size() && bytes < max_bytes) {
      bytes += messages[sent].size();
      out.push_back(messages[sent++]);
    }
    if (!out.empty()) in_flight.push_back(sent);
  }
  void confirmed(std::uint64_t number) override {
    confirmations.push_back(number);
    confirmed_messages = in_flight.at(number - 1);
  }
  // As a relay whose events are acknowledged: a message `ack N` settles batch N and all before it.
  [[nodiscard]] std::uint64_t settled() const override {
    return settles_by_itself ? in_flight.size() : settled_batch;
  }
  ipc::Result<void> received(std::string text) override {
    if (text == "nonsense") return ipc::plain_error("malformed message");
    if (text.starts_with("ack ")) settled_batch = std::stoull(text.substr(4));
    texts.push_back(std::move(text));
    return {};
  }
  [[nodiscard]] bool crowded() const override { return is_crowded; }
  std::string heartbeat() override {
    ++heartbeats;
    return "heartbeat";
  }

  std::vector<std::string> messages;
  std::size_t sent = 0;
  std::size_t confirmed_messages = 0;
  std::vector<std::size_t> in_flight;  // of this connection: messages sent up to each batch's end
  bool registered = false;
  int fills = 0;
  std::vector<Clock::time_point> ups;
  std::vector<WireProtocol> protocols;
  std::uint64_t settled_batch = 0;
  bool settles_by_itself = false;  // nothing it sends is to be acknowledged
  std::vector<std::string> downs;
  std::vector<std::uint64_t> confirmations;
  std::vector<std::string> texts;
  int heartbeats = 0;
  bool is_crowded = false;
};

class LinkTest : public ::testing::Test {
 protected:
  LinkSettings settings(const WsServer& server) { return settings(server.url()); }
  LinkSettings settings(const std::string& url) {
    LinkSettings made;
    made.gateway = *parse_gateway_address(url);
    made.heartbeat = milliseconds(60'000);
    made.reconnect_delay = milliseconds(20);
    return made;
  }
  void start(LinkSettings made) {
    link_ = std::make_unique<Link>(loop_.get_executor(), std::move(made), client_);
    link_->start();
  }
  // Runs the loop until `condition` holds; false when `limit` passes first.
  template <class Condition>
  bool run_until(Condition&& condition, milliseconds limit = kSoon) {
    const auto deadline = Clock::now() + limit;
    while (!condition()) {
      if (Clock::now() >= deadline) return condition();
      loop_.restart();
      loop_.run_for(milliseconds(2));
    }
    return true;
  }
  void run_for(milliseconds period) {
    (void)run_until([] { return false; }, period);
  }
  [[nodiscard]] bool is_up() const { return link_->status().state == LinkStatus::State::up; }
  bool run_until_up() {
    return run_until([this] { return is_up(); });
  }
  void add_messages(std::size_t count, std::size_t bytes = 0) {
    for (std::size_t i = 0; i < count; ++i) {
      std::string text = "m" + std::to_string(client_.messages.size());
      if (text.size() < bytes) text.append(bytes - text.size(), '.');
      client_.messages.push_back(std::move(text));
    }
    if (link_) link_->wake();
  }
  [[nodiscard]] static std::vector<std::string> texts_of(const WsRecord& record) {
    std::vector<std::string> texts;
    for (const auto& message : record.messages) texts.push_back(message.text);
    return texts;
  }

  boost::asio::io_context loop_;
  RecordingClient client_;
  std::unique_ptr<Link> link_;
};

}  // namespace charter::supervisor
