// One connection of a test server and the thread that serves it.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "tests/support/ws_frame.h"
#include "tests/support/ws_server.h"
#include "tests/support/ws_stream.h"

namespace charter::tests {

class WsPeer {
 public:
  // `server` must outlive the peer, which is its connection `number`.
  WsPeer(const WsServer& server, std::unique_ptr<WsStream> stream, std::size_t number);
  ~WsPeer();
  WsPeer(const WsPeer&) = delete;
  WsPeer& operator=(const WsPeer&) = delete;

  [[nodiscard]] WsRecord record() const;
  [[nodiscard]] bool upgraded() const;
  void send(std::string bytes);
  // Ends the connection once everything before has been sent.
  void end();
  void reset();
  // Looks at the server's rules and state anew.
  void nudge();

 private:
  struct Answer {
    Clock::time_point due;
    std::string bytes;
  };

  void run();
  void wait();
  void read_more();
  void take_request();
  void take_frames();
  void take(const WsFrame& frame, const WsRules& rules);
  void check(const WsFrame& frame);
  void send_due_answers();
  void answer_later(const WsRules& rules, std::string bytes);
  void pong(const WsRules& rules, const std::string& payload);
  [[nodiscard]] bool cut_now();
  void flush();
  [[nodiscard]] bool reset_if_wanted();
  void finish(bool reset);

  const WsServer& server_;
  const std::size_t number_;
  std::unique_ptr<WsStream> stream_;
  int wake_;
  mutable std::mutex mutex_;  // guards what follows
  WsRecord record_;
  std::string outgoing_;
  bool end_wanted_ = false;
  bool reset_wanted_ = false;
  std::atomic<bool> stop_ = false;

  std::string incoming_;  // the thread's own
  std::deque<Answer> answers_;
  std::optional<WsCut> cut_;
  std::size_t arrived_ = 0;  // bytes
  bool stalled_ = false;
  bool upgrade_seen_ = false;
  WsOpcode message_opcode_ = WsOpcode::text;  // of the protocol that was chosen
  bool done_ = false;
  std::thread thread_;
};

}  // namespace charter::tests
