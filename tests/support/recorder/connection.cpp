#include "tests/support/recorder/connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "tests/support/ws_frame.h"

namespace charter::tests {

Connection::~Connection() { close(fd_); }

pollfd Connection::watched() const {
  return {fd_, static_cast<short>(POLLIN | (out_.empty() ? 0 : POLLOUT)), 0};
}

bool Connection::read(RecordFile& record) {
  // Small pieces, because a frame is cut off the front of what is there.
  char buffer[16384];
  for (;;) {
    const ssize_t got = recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (got <= 0) return false;
    in_.append(buffer, static_cast<std::size_t>(got));
    if (!open_ && !shake_hands(record)) continue;
    while (auto frame = take_frame(in_)) take(record, *frame);
  }
}

bool Connection::shake_hands(RecordFile& record) {
  const auto end = in_.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  const std::string head = in_.substr(0, end + 4);
  in_.erase(0, end + 4);
  record.note(number_, "!open " + http_header(head, "Authorization").value_or(""));
  out_ +=
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      accept_key(http_header(head, "Sec-WebSocket-Key").value_or("")) + "\r\n";
  constexpr std::string_view kProtocol = "charter.capnp.v1";
  capnp_ = capnp_ && http_header(head, "Sec-WebSocket-Protocol") == kProtocol;
  if (capnp_) out_.append("Sec-WebSocket-Protocol: ").append(kProtocol).append("\r\n");
  out_ += "\r\n";
  open_ = true;
  if (capnp_) send(WsOpcode::binary, welcome_message());
  return true;
}

void Connection::take(RecordFile& record, const WsFrame& frame) {
  if (frame.opcode == WsOpcode::ping) {
    send(WsOpcode::pong, frame.payload);
  } else if (frame.opcode == WsOpcode::close) {
    send(WsOpcode::close, frame.payload);
    over_ = true;
  } else if (frame.opcode <= WsOpcode::binary) {
    message_ += frame.payload;
    if (!frame.fin) return;
    note_message(record);
    message_.clear();
  }
}

void Connection::note_message(RecordFile& record) {
  if (!capnp_) return record.note(number_, message_);
  const WireReader::Heard heard = reader_.read(message_);
  if (!heard.fault.empty()) record.note(number_, "!fault " + heard.fault);
  for (const std::string& message : heard.messages) record.note(number_, message);
  // Leaves behind what is being recorded, see main.cpp.
  if (!heard.acks.empty()) send(WsOpcode::binary, heard.acks);
}

void Connection::send_message(std::string_view json) {
  if (!open_) return;
  if (!capnp_) return send(WsOpcode::text, json);
  if (const auto command = wire_command(json)) send(WsOpcode::binary, *command);
}

void Connection::send(WsOpcode opcode, std::string_view payload) {
  WsFrame frame;
  frame.opcode = opcode;
  frame.payload = payload;
  out_ += frame_bytes(frame);
}

bool Connection::write() {
  while (!out_.empty()) {
    const ssize_t sent = ::send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN) return true;
    if (sent <= 0) return false;
    out_.erase(0, static_cast<std::size_t>(sent));
  }
  return !over_;
}

void Connection::reset() {
  const linger now{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  out_.clear();
  over_ = true;
}

}  // namespace charter::tests
