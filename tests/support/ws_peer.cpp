#include "tests/support/ws_peer.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace charter::tests {
namespace {

constexpr std::uint16_t kNoCloseCode = 1005;

std::string upgrade_answer(std::string_view request, const std::string& chosen) {
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: " +
         accept_key(http_header(request, "Sec-WebSocket-Key").value_or("")) + "\r\n" +
         (chosen.empty() ? "" : "Sec-WebSocket-Protocol: " + chosen + "\r\n") + "\r\n";
}

}  // namespace

WsPeer::WsPeer(const WsServer& server, std::unique_ptr<WsStream> stream, std::size_t number)
    : server_(server),
      number_(number),
      stream_(std::move(stream)),
      wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  record_.accepted = Clock::now();
  thread_ = std::thread([this] { run(); });
}

WsPeer::~WsPeer() {
  stop_ = true;
  {
    const std::lock_guard lock(mutex_);
    if (stream_) ::shutdown(stream_->descriptor(), SHUT_RDWR);  // wakes a handshake that blocks
  }
  nudge();
  thread_.join();
  ::close(wake_);
}

WsRecord WsPeer::record() const {
  const std::lock_guard lock(mutex_);
  return record_;
}

bool WsPeer::upgraded() const {
  const std::lock_guard lock(mutex_);
  return record_.upgraded;
}

void WsPeer::send(std::string bytes) {
  {
    const std::lock_guard lock(mutex_);
    outgoing_ += bytes;
  }
  nudge();
}

void WsPeer::end() {
  {
    const std::lock_guard lock(mutex_);
    end_wanted_ = true;
  }
  nudge();
}

void WsPeer::reset() {
  {
    const std::lock_guard lock(mutex_);
    reset_wanted_ = true;
  }
  nudge();
}

void WsPeer::nudge() {
  const std::uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof one);
}

void WsPeer::run() {
  if (!stream_->prepare()) {
    finish(true);
    return;
  }
  if (const WsRules rules = server_.rules(); rules.cut) cut_ = rules.cut(number_);
  while (!done_ && !stop_) {
    wait();
    if (reset_if_wanted() || server_.frozen() || stalled_) continue;
    send_due_answers();
    read_more();
    if (!stalled_) flush();
  }
}

// Until there is something to do; a frozen server has nothing to do but thaw.
void WsPeer::wait() {
  const bool frozen = server_.frozen() || stalled_;
  bool unsent = false;
  {
    const std::lock_guard lock(mutex_);
    unsent = !outgoing_.empty();
    if (reset_wanted_ || (end_wanted_ && !unsent && !frozen)) return;
  }
  const int socket = frozen ? -1 : stream_->descriptor();
  std::array<pollfd, 2> set{};
  set[0] = {socket, static_cast<short>(POLLIN | (unsent ? POLLOUT : 0)), 0};
  set[1] = {wake_, POLLIN, 0};
  int timeout = -1;
  if (!frozen && !answers_.empty()) {
    timeout = std::max(
        0, static_cast<int>(
               std::chrono::ceil<milliseconds>(answers_.front().due - Clock::now()).count()));
  }
  ::poll(set.data(), set.size(), timeout);
  std::uint64_t count = 0;
  (void)!::read(wake_, &count, sizeof count);
}

void WsPeer::read_more() {
  while (!done_ && !cut_now()) {
    const std::size_t before = incoming_.size();
    switch (stream_->read(incoming_)) {
      case WsStream::Outcome::moved:
        arrived_ += incoming_.size() - before;
        // What lies behind the cut has never arrived.
        if (cut_ && arrived_ > cut_->bytes) {
          incoming_.resize(incoming_.size() - (arrived_ - cut_->bytes));
          arrived_ = cut_->bytes;
        }
        if (!upgrade_seen_) take_request();
        if (upgrade_seen_) take_frames();
        break;
      case WsStream::Outcome::try_later:
        return;
      case WsStream::Outcome::ended:
        finish(false);
        return;
      case WsStream::Outcome::broken:
        finish(true);
        return;
    }
  }
}

// Whether the connection has broken as its rule says.
bool WsPeer::cut_now() {
  if (stalled_) return true;
  if (!cut_ || arrived_ < cut_->bytes) return false;
  const std::lock_guard lock(mutex_);
  switch (cut_->how) {
    case WsCut::How::reset:
      reset_wanted_ = true;
      break;
    case WsCut::How::end:
      end_wanted_ = true;
      break;
    case WsCut::How::stall:
      stalled_ = true;
      break;
  }
  return true;
}

void WsPeer::take_request() {
  const std::size_t end = incoming_.find("\r\n\r\n");
  if (end == std::string::npos) return;
  const std::string head = incoming_.substr(0, end + 2);
  incoming_.erase(0, end + 4);
  const WsRules rules = server_.rules();
  const bool refused = !rules.answer_instead.empty();
  const std::lock_guard lock(mutex_);
  record_.request = head;
  if (!rules.answer_upgrade) return;
  upgrade_seen_ = true;
  record_.upgraded = !refused;
  outgoing_ += refused ? rules.answer_instead : upgrade_answer(head, rules.choose) + rules.greeting;
  message_opcode_ = rules.choose.empty() ? WsOpcode::text : WsOpcode::binary;
}

void WsPeer::take_frames() {
  const WsRules rules = server_.rules();
  while (auto frame = take_frame(incoming_)) {
    const std::lock_guard lock(mutex_);
    check(*frame);
    take(*frame, rules);
  }
}

void WsPeer::check(const WsFrame& frame) {
  if (!frame.masked) record_.faults.emplace_back("a frame without a mask");
  if (frame.reserved != 0) record_.faults.emplace_back("reserved bits are set");
  if (!frame.fin || frame.opcode == WsOpcode::more) record_.faults.emplace_back("a fragment");
  const bool message = frame.opcode == WsOpcode::binary || frame.opcode == WsOpcode::text;
  if (message && frame.opcode != message_opcode_) {
    record_.faults.emplace_back("a message of the other kind");
  }
}

void WsPeer::take(const WsFrame& frame, const WsRules& rules) {
  switch (frame.opcode) {
    case WsOpcode::ping: {
      record_.pings.push_back(frame.payload);
      if (rules.answer_pings) pong(rules, frame.payload);
      break;
    }
    case WsOpcode::pong:
      record_.pongs.push_back(frame.payload);
      break;
    case WsOpcode::close: {
      record_.close_code =
          frame.payload.size() < 2
              ? kNoCloseCode
              : static_cast<std::uint16_t>(static_cast<unsigned char>(frame.payload[0]) << 8 |
                                           static_cast<unsigned char>(frame.payload[1]));
      if (frame.payload.size() > 2) record_.close_reason = frame.payload.substr(2);
      outgoing_ += frame_bytes({true, 0, WsOpcode::close, false, frame.payload});
      end_wanted_ = true;
      break;
    }
    default:
      if (rules.keep_messages) record_.messages.push_back({frame.payload, Clock::now()});
      if (rules.reply) answer_later(rules, rules.reply(number_, frame.payload));
  }
}

void WsPeer::pong(const WsRules& rules, const std::string& payload) {
  const auto payloads = rules.pongs ? rules.pongs(payload) : std::vector{payload};
  for (const std::string& one : payloads) {
    answer_later(rules, frame_bytes({true, 0, WsOpcode::pong, false, one}));
  }
}

void WsPeer::answer_later(const WsRules& rules, std::string bytes) {
  if (!bytes.empty()) answers_.push_back({Clock::now() + rules.pong_delay, std::move(bytes)});
}

void WsPeer::send_due_answers() {
  while (!answers_.empty() && answers_.front().due <= Clock::now()) {
    const std::lock_guard lock(mutex_);
    outgoing_ += answers_.front().bytes;
    answers_.pop_front();
  }
}

void WsPeer::flush() {
  bool end = false;
  {
    const std::lock_guard lock(mutex_);
    while (!done_ && !outgoing_.empty()) {
      const auto outcome = stream_->write(outgoing_);
      if (outcome == WsStream::Outcome::try_later) break;
      if (outcome != WsStream::Outcome::moved) outgoing_.clear();
    }
    end = end_wanted_ && outgoing_.empty();
  }
  if (end && !done_) finish(false);
}

// A frozen process that is killed resets its connections, too.
bool WsPeer::reset_if_wanted() {
  {
    const std::lock_guard lock(mutex_);
    if (!reset_wanted_) return false;
    const linger now{1, 0};
    ::setsockopt(stream_->descriptor(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    stream_.reset();
  }
  finish(true);
  return true;
}

// In order: our side ends, theirs may still arrive until the record is gone.
void WsPeer::finish(bool reset) {
  done_ = true;
  const std::lock_guard lock(mutex_);
  if (stream_) ::shutdown(stream_->descriptor(), SHUT_WR);
  record_.ended = true;
  record_.reset = reset;
}

}  // namespace charter::tests
