// A daemon as the gateway sees it: a WebSocket client on a plain socket, and the stock messages.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/json_scan.h"
#include "tests/support/ws_frame.h"
#include "tests/unit/gateway/http_request.h"
#include "tests/unit/gateway/test_socket.h"

namespace charter::gateway {

using tests::WsFrame;
using tests::WsOpcode;

inline std::string upgrade_request(const std::vector<std::string>& headers = {},
                                   std::string_view host = "127.0.0.1") {
  std::vector<std::string> all{
      "Upgrade: websocket", "Connection: Upgrade",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"};
  all.insert(all.end(), headers.begin(), headers.end());
  return request_text("GET", "/daemon", {}, all, host);
}

class DaemonClient {
 public:
  // Connects and upgrades, says nothing else. Answers the gateway's pings while it reads.
  explicit DaemonClient(std::uint16_t port, const std::vector<std::string>& headers = {})
      : socket_(port) {
    socket_.send(upgrade_request(headers));
    answer_ = read_answer(socket_);
  }

  [[nodiscard]] int status() const { return answer_.status; }
  [[nodiscard]] const Answer& answer() const { return answer_; }
  void answer_pings(bool yes) { answer_pings_ = yes; }

  bool send(std::string_view text) { return send_frame(WsOpcode::text, text); }
  bool ping(std::string_view payload) { return send_frame(WsOpcode::ping, payload); }
  bool send_frame(WsOpcode opcode, std::string_view payload, bool fin = true) {
    WsFrame frame;
    frame.fin = fin;
    frame.opcode = opcode;
    frame.masked = true;
    frame.payload = payload;
    return socket_.send(tests::frame_bytes(frame));
  }
  bool send_raw(std::string_view bytes) { return socket_.send(bytes); }

  void leave() { socket_.leave(); }

  // The next frame other than a ping; nothing at the end or when the time is over.
  std::optional<WsFrame> next(milliseconds limit = kSoon) {
    const auto deadline = Clock::now() + limit;
    while (true) {
      if (auto frame = tests::take_frame(socket_.bytes())) {
        if (frame->opcode != WsOpcode::ping) return frame;
        if (answer_pings_) send_frame(WsOpcode::pong, frame->payload);
        continue;
      }
      const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
      if (left.count() <= 0 || !socket_.receive(left)) return std::nullopt;
    }
  }
  // Whether the next pong has this payload; other frames before it are kept for `command`.
  bool pong(std::string_view payload, milliseconds limit = kSoon) {
    while (auto frame = next(limit)) {
      if (frame->opcode == WsOpcode::pong) return frame->payload == payload;
      kept_.push_back(std::move(*frame));
    }
    return false;
  }
  // Sends a ping and waits for its pong: everything before is stored then.
  bool settle() {
    const std::string payload = "settle-" + std::to_string(++pings_);
    return ping(payload) && pong(payload);
  }
  // The next command; empty when none came in time.
  boost::json::object command(milliseconds limit = kSoon) {
    while (true) {
      std::optional<WsFrame> frame;
      if (!kept_.empty()) {
        frame = std::move(kept_.front());
        kept_.erase(kept_.begin());
      } else {
        frame = next(limit);
      }
      if (!frame) return {};
      if (frame->opcode == WsOpcode::text) return boost::json::parse(frame->payload).as_object();
    }
  }
  // The code of the close frame that ends the connection; 0 when it ends without one.
  int close_code() {
    while (auto frame = next()) {
      if (frame->opcode != WsOpcode::close || frame->payload.size() < 2) continue;
      return static_cast<unsigned char>(frame->payload[0]) << 8 |
             static_cast<unsigned char>(frame->payload[1]);
    }
    return 0;
  }
  void disconnect() { socket_.close(); }
  TestSocket& socket() { return socket_; }

 private:
  TestSocket socket_;
  Answer answer_;
  std::vector<WsFrame> kept_;
  bool answer_pings_ = true;
  int pings_ = 0;
};

// ---- the stock messages ----

inline std::string register_text(std::string_view worker = "w1", int max_runs = 4) {
  return R"({"type":"worker.register","worker_id":)" + ipc::quoted(worker) +
         R"(,"capabilities":{"max_runs":)" + std::to_string(max_runs) + R"(},"active_runs":[]})";
}

inline std::string announced_text(std::string_view run, std::string_view status = "running",
                                  std::string_view started_at = "2026-01-02T03:04:05Z",
                                  std::string_view worker = "w1") {
  return R"({"type":"run.announced","run_id":)" + ipc::quoted(run) + R"(,"worker_id":)" +
         ipc::quoted(worker) + R"(,"status":)" + ipc::quoted(status) +
         R"(,"workflow_path":"/p/workflows/demo/plan.yml","started_at":)" +
         ipc::quoted(started_at) + "}";
}

inline std::string event_text(std::string_view run, int seq, std::string_view event,
                              std::string_view worker = "w1") {
  return R"({"type":"run.event","run_id":)" + ipc::quoted(run) + R"(,"worker_id":)" +
         ipc::quoted(worker) + R"(,"seq":)" + std::to_string(seq) +
         R"(,"stream_seq":null,"occurred_at":"2026-01-02T03:04:05.000006Z","event":)" +
         std::string(event) + "}";
}

inline std::string result_text(std::string_view command, bool ok, std::string_view code = "null",
                               std::string_view run = "null") {
  return R"({"type":"command.result","worker_id":"w1","run_id":)" + std::string(run) +
         R"(,"command_id":)" + ipc::quoted(command) + R"(,"ok":)" + (ok ? "true" : "false") +
         R"(,"code":)" + std::string(code) + R"(,"message":null})";
}

inline constexpr std::string_view kStepStart =
    R"({"kind":"StepStartEvent","step_id":"s","capability_id":null,"inputs":{},"status":"running"})";
inline constexpr std::string_view kStepComplete =
    R"({"kind":"StepCompleteEvent","step_id":"s","outputs":{},"duration_ms":1,"status":"success"})";
inline constexpr std::string_view kGatePending =
    R"({"kind":"GatePendingEvent","step_id":"g","show":["a"],"message":"go on?"})";
inline constexpr std::string_view kInputPending =
    R"({"kind":"InputPendingEvent","step_id":"i","show":[],"message":"","questions":[],"outputs":{}})";
inline constexpr std::string_view kApproved =
    R"({"kind":"GateDecisionEvent","step_id":"g","approved":true,"note":null})";
inline constexpr std::string_view kRefused =
    R"({"kind":"GateDecisionEvent","step_id":"g","approved":false,"note":null})";
inline constexpr std::string_view kComplete = R"({"kind":"RunCompleteEvent"})";
inline constexpr std::string_view kCancelled =
    R"({"kind":"RunCancelledEvent","step_id":"s","note":"enough"})";
inline constexpr std::string_view kFailed = R"({"kind":"RunFailedEvent","error":"boom"})";

}  // namespace charter::gateway
