// One worker's WebSocket connection, from its handshake on.
#pragma once

#include <poll.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "tests/support/recorder/record_file.h"
#include "tests/support/recorder/wire.h"
#include "tests/support/ws_frame.h"

namespace charter::tests {

class Connection {
 public:
  // `capnp`: charter.capnp.v1 is chosen where it is offered.
  Connection(int fd, std::uint32_t number, bool capnp) : fd_(fd), number_(number), capnp_(capnp) {}
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] std::uint32_t number() const { return number_; }
  [[nodiscard]] pollfd watched() const;

  // Takes what has arrived into `record`; false when the connection is over.
  bool read(RecordFile& record);
  // Sends what waits; false when the connection is over and nothing waits.
  bool write();
  // A stock message, in the connection's protocol.
  void send_message(std::string_view json);
  // Ends it with a TCP reset, as a crashed peer would.
  void reset();

 private:
  bool shake_hands(RecordFile& record);
  void take(RecordFile& record, const WsFrame& frame);
  void note_message(RecordFile& record);
  void send(WsOpcode opcode, std::string_view payload);

  int fd_;
  std::uint32_t number_;
  bool capnp_;
  WireReader reader_;
  bool open_ = false;  // the handshake is done
  bool over_ = false;
  std::string in_;
  std::string out_;
  std::string message_;  // its frames so far
};

}  // namespace charter::tests
