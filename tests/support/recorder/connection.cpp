#include "tests/support/recorder/connection.h"

#include <openssl/evp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cctype>
#include <cerrno>

namespace charter::tests {
namespace {

constexpr unsigned kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10;

// A header's value in a request head; names compare without case.
std::string header(std::string_view head, std::string_view name) {
  std::size_t at = 0;
  while ((at = head.find("\r\n", at)) != std::string_view::npos) {
    at += 2;
    const auto colon = head.find(':', at);
    if (colon != at + name.size()) continue;
    bool same = true;
    for (std::size_t i = 0; i < name.size(); ++i) {
      same = same && std::tolower(head[at + i]) == std::tolower(name[i]);
    }
    if (!same) continue;
    const auto begin = head.find_first_not_of(' ', colon + 1);
    return std::string(head.substr(begin, head.find("\r\n", begin) - begin));
  }
  return {};
}

std::string accept_key(const std::string& key) {
  const std::string text = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr);
  unsigned char encoded[64];
  const int length = EVP_EncodeBlock(encoded, digest, static_cast<int>(size));
  return {reinterpret_cast<char*>(encoded), static_cast<std::size_t>(length)};
}

std::uint64_t big_endian(const char* bytes, std::size_t count) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < count; ++i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

}  // namespace

Connection::~Connection() { close(fd_); }

pollfd Connection::watched() const {
  return {fd_, static_cast<short>(POLLIN | (out_.empty() ? 0 : POLLOUT)), 0};
}

bool Connection::read(RecordFile& record) {
  char buffer[262144];
  for (;;) {
    const ssize_t got = recv(fd_, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) break;
    if (got <= 0) return false;
    in_.append(buffer, static_cast<std::size_t>(got));
    while (take(record)) {
    }
    in_.erase(0, taken_);
    taken_ = 0;
    if (static_cast<std::size_t>(got) < sizeof buffer) break;
  }
  return true;
}

bool Connection::take(RecordFile& record) {
  return open_ ? take_frame(record) : shake_hands(record);
}

bool Connection::shake_hands(RecordFile& record) {
  const auto end = in_.find("\r\n\r\n");
  if (end == std::string::npos) return false;
  const std::string head = in_.substr(0, end + 4);
  taken_ = end + 4;
  record.note(number_, "!open " + header(head, "Authorization"));
  out_ +=
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Accept: " +
      accept_key(header(head, "Sec-WebSocket-Key")) + "\r\n\r\n";
  open_ = true;
  return true;
}

bool Connection::take_frame(RecordFile& record) {
  const std::size_t have = in_.size() - taken_;
  const char* at = in_.data() + taken_;
  if (have < 2) return false;
  std::uint64_t length = static_cast<unsigned char>(at[1]) & 0x7FU;
  const std::size_t extra = length == 126 ? 2 : length == 127 ? 8 : 0;
  const bool masked = (static_cast<unsigned char>(at[1]) & 0x80U) != 0;
  const std::size_t head = 2 + extra + (masked ? 4 : 0);
  if (have < head) return false;
  if (extra > 0) length = big_endian(at + 2, extra);
  if (have - head < length) return false;
  std::string payload(at + head, length);
  if (masked) {
    const char* mask = at + head - 4;
    for (std::size_t i = 0; i < payload.size(); ++i) {
      payload[i] = static_cast<char>(payload[i] ^ mask[i & 3U]);
    }
  }
  taken_ += head + length;
  const auto first = static_cast<unsigned char>(at[0]);
  finish_frame(record, first & 0x0FU, (first & 0x80U) != 0, std::move(payload));
  return true;
}

void Connection::finish_frame(RecordFile& record, unsigned opcode, bool final,
                              std::string payload) {
  if (opcode == kPing) {
    send_frame(kPong, payload);
  } else if (opcode == kClose) {
    send_frame(kClose, payload);
    over_ = true;
  } else if (opcode <= kBinary) {
    fragments_ += payload;
    if (!final) return;
    record.note(number_, fragments_);
    fragments_.clear();
  }
}

void Connection::send_text(std::string_view text) {
  if (open_) send_frame(kText, text);
}

void Connection::send_frame(unsigned opcode, std::string_view payload) {
  out_ += static_cast<char>(0x80U | opcode);
  const std::size_t size = payload.size();
  const std::size_t extra = size < 126 ? 0 : size < 65536 ? 2 : 8;
  out_ += static_cast<char>(extra == 0 ? size : extra == 2 ? 126 : 127);
  for (std::size_t i = extra; i > 0; --i) out_ += static_cast<char>(size >> (8 * (i - 1)) & 0xFFU);
  out_ += payload;
}

bool Connection::write() {
  while (!out_.empty()) {
    const ssize_t sent = send(fd_, out_.data(), out_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
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
