#include "supervisor/link/dialer.h"

#include <fcntl.h>

#include <algorithm>
#include <sstream>
#include <utility>

namespace charter::supervisor {
namespace {

using boost::asio::ip::tcp;

std::string shown(const tcp::endpoint& endpoint) {
  std::ostringstream out;
  out << endpoint;
  return out.str();
}

}  // namespace

Dialer::Dialer(const boost::asio::any_io_executor& executor, Resolver& resolver)
    : resolver_(resolver), socket_(executor), timer_(executor) {}

void Dialer::dial(DialOrder order, Done done) {
  order_ = std::move(order);
  done_ = std::move(done);
  resolver_.resolve(order_.host, order_.port, [weak = weak_from_this()](const Resolved& answer) {
    if (const auto self = weak.lock()) self->resolved(answer);
  });
  arm(order_.deadline, [this] {
    resolver_.forget();
    finish({std::nullopt, "looking up " + order_.host + " takes too long"});
  });
}

// A wait that has run out cannot be cancelled any more, hence the turn it belongs to.
void Dialer::arm(std::chrono::steady_clock::time_point when, std::function<void()> expired) {
  timer_.expires_at(when);
  timer_.async_wait([weak = weak_from_this(), turn = ++turn_,
                     expired = std::move(expired)](const boost::system::error_code& error) {
    const auto self = weak.lock();
    if (!error && self && self->done_ && self->turn_ == turn) expired();
  });
}

void Dialer::disarm() {
  ++turn_;
  timer_.cancel();
}

void Dialer::cancel() {
  done_ = nullptr;
  resolver_.forget();
  timer_.cancel();
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void Dialer::resolved(const Resolved& answer) {
  if (!done_) return;
  disarm();
  last_error_ = answer.error;
  for (const tcp::endpoint& endpoint : answer.endpoints) {
    if (auto objection = order_.objection ? order_.objection(endpoint.address()) : std::nullopt) {
      last_error_ = std::move(*objection);
    } else {
      left_.push_back(endpoint);
    }
  }
  std::reverse(left_.begin(), left_.end());
  try_next();
}

void Dialer::try_next() {
  if (left_.empty()) {
    finish({std::nullopt, last_error_});
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  const auto share = std::max(order_.deadline - now, std::chrono::steady_clock::duration::zero()) /
                     static_cast<int>(left_.size());
  current_ = left_.back();
  left_.pop_back();
  timed_out_ = false;
  boost::system::error_code error;
  socket_.open(current_.protocol(), error);
  if (error) {
    connected(error);
    return;
  }
  ::fcntl(socket_.native_handle(), F_SETFD, FD_CLOEXEC);
  arm(now + share, [this] {
    timed_out_ = true;
    boost::system::error_code ignored;
    socket_.close(ignored);
  });
  socket_.async_connect(current_,
                        [self = shared_from_this()](const boost::system::error_code& outcome) {
                          self->connected(outcome);
                        });
}

void Dialer::connected(const boost::system::error_code& error) {
  if (!done_) return;
  disarm();
  boost::system::error_code ignored;
  if (!error && !timed_out_) {
    socket_.set_option(tcp::no_delay(true), ignored);
    finish({std::move(socket_), {}});
    return;
  }
  last_error_ = "connect to " + shown(current_) + ": " +
                (timed_out_ ? std::string("no answer in time") : error.message());
  socket_.close(ignored);
  try_next();
}

void Dialer::finish(Dialled outcome) {
  if (const Done done = std::exchange(done_, nullptr)) done(std::move(outcome));
}

}  // namespace charter::supervisor
