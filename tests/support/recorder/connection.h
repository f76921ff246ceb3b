// One worker's WebSocket connection, from its handshake on.
#pragma once

#include <poll.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/support/recorder/record_file.h"
#include "tests/support/ws_frame.h"

namespace charter::tests {

class Connection {
 public:
  Connection(int fd, std::uint32_t number) : fd_(fd), number_(number) {}
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] std::uint32_t number() const { return number_; }
  [[nodiscard]] pollfd watched() const;

  // Takes what has arrived into `record`; false when the connection is over.
  bool read(RecordFile& record);
  // Sends what waits; false when the connection is over and nothing waits.
  bool write();
  void send_text(std::string_view text);
  // Ends it with a TCP reset, as a crashed peer would.
  void reset();

 private:
  bool shake_hands(RecordFile& record);
  void take(RecordFile& record, const WsFrame& frame);
  void send(WsOpcode opcode, std::string_view payload);

  int fd_;
  std::uint32_t number_;
  bool open_ = false;  // the handshake is done
  bool over_ = false;
  std::string in_;
  std::string out_;
  std::string message_;  // its frames so far
};

}  // namespace charter::tests
