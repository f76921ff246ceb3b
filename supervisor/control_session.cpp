#include "supervisor/control_session.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "ipc/json_object.h"

namespace charter::supervisor {
namespace {

constexpr std::size_t kReadAtOnce = 64U << 10;
constexpr std::size_t kReadPerTurn = 1U << 20;  // then others get the loop
constexpr std::size_t kRoomy = 256U << 10;

using Wait = boost::asio::posix::stream_descriptor;

}  // namespace

ControlSession::ControlSession(boost::asio::any_io_executor executor, ipc::UniqueFd socket,
                               uid_t peer, const Limits& limits, RequestBudget& budget,
                               Handler handler, Closed closed)
    : socket_(std::move(socket)),
      descriptor_(executor, socket_.get()),
      peer_(peer),
      limits_(limits),
      reader_(limits.max_request_bytes, budget),
      handler_(std::move(handler)),
      closed_(std::move(closed)),
      deadline_(executor) {}

ControlSession::~ControlSession() { descriptor_.release(); }

void ControlSession::start() { readable(); }  // the request has usually arrived already

void ControlSession::close() {
  if (std::exchange(is_closed_, true)) return;
  deadline_.cancel();
  descriptor_.release();
  when_roomy_ = nullptr;
  const std::shared_ptr<void> work = std::move(work_);
  ::shutdown(socket_.get(), SHUT_RDWR);
  // Now, not with the last handler: another may need the descriptor.
  socket_.reset();
  if (closed_) closed_(this);  // the server lets go of its reference
}

void ControlSession::wait_to_read() {
  set_deadline();
  descriptor_.async_wait(Wait::wait_read, [self = shared_from_this()](const auto& error) {
    if (!error && !self->is_closed_) self->readable();
  });
}

void ControlSession::readable() {
  char buffer[kReadAtOnce];
  std::size_t read = 0;
  while (!handled_ && !is_closed_) {
    const ssize_t got = ::read(socket_.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) break;
    if (got < 0) return close();
    if (got == 0) return ended_early();
    switch (reader_.feed({buffer, static_cast<std::size_t>(got)})) {
      case RequestReader::Outcome::more:
        break;
      case RequestReader::Outcome::complete:
        return handle_line();
      case RequestReader::Outcome::too_large:
        return refuse("Request too large");
      case RequestReader::Outcome::crowded:
        return refuse("Too many unfinished requests");
    }
    read += static_cast<std::size_t>(got);
    if (read >= kReadPerTurn) break;
  }
  wait_to_read();
}

// A line without its end is a request all the same.
void ControlSession::ended_early() {
  if (reader_.empty()) return refuse("Empty request");
  handle_line();
}

void ControlSession::handle_line() {
  handled_ = true;
  deadline_.cancel();
  const Handler handler = std::exchange(handler_, nullptr);
  handler(shared_from_this(), reader_.take());
  if (!is_closed_ && !last_) watch_for_hangup();
}

void ControlSession::refuse(std::string_view text) {
  handled_ = true;
  send_last(ipc::JsonObject().flag("ok", false).text("error", text).str());
}

void ControlSession::set_deadline() {
  const auto end = std::min(BootClock::now() + limits_.silence, began_ + limits_.request);
  deadline_.expires_at(end);
  deadline_.async_wait([self = weak_from_this()](const auto& error) {
    const auto session = self.lock();
    if (!error && session && !session->is_closed_) session->too_late();
  });
}

void ControlSession::too_late() {
  if (handled_) return close();  // the answer is not being read
  refuse("Request timed out");
}

// While a request is carried out, a client that has gone frees what is kept for it. One that has
// only finished sending still wants its answer.
void ControlSession::watch_for_hangup() {
  descriptor_.async_wait(Wait::wait_read, [self = shared_from_this()](const auto& error) {
    if (error || self->is_closed_) return;
    pollfd state{self->socket_.get(), 0, 0};
    if (::poll(&state, 1, 0) == 1 && (state.revents & (POLLHUP | POLLERR)) != 0) self->close();
  });
}

bool ControlSession::roomy() const { return out_.size() - out_done_ < kRoomy; }

void ControlSession::send(std::string_view line) {
  if (is_closed_) return;
  out_ += line;
  out_ += '\n';
  if (!writing_) flush();
}

void ControlSession::send_last(std::string_view line) {
  last_ = true;
  send(line);
}

void ControlSession::flush() {
  while (out_done_ < out_.size()) {
    const ssize_t put = ::send(socket_.get(), out_.data() + out_done_, out_.size() - out_done_,
                               MSG_NOSIGNAL | MSG_DONTWAIT);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) return wait_to_write();
    if (put < 0) return close();
    out_done_ += static_cast<std::size_t>(put);
  }
  out_.clear();
  out_done_ = 0;
  if (last_) return close();
  if (when_roomy_) std::exchange(when_roomy_, nullptr)();
}

void ControlSession::wait_to_write() {
  writing_ = true;
  deadline_.expires_after(limits_.answer);
  deadline_.async_wait([self = weak_from_this()](const auto& error) {
    const auto session = self.lock();
    if (!error && session) session->close();
  });
  descriptor_.async_wait(Wait::wait_write, [self = shared_from_this()](const auto& error) {
    if (error || self->is_closed_) return;
    self->writing_ = false;
    self->deadline_.cancel();
    self->flush();
  });
}

}  // namespace charter::supervisor
