// The talk on one standing connection: batches out, pings behind them, heartbeats, and the
// judgement whether anybody listens.
//
// What is sent next, when nothing is being written:
//   1. a heartbeat message that is due
//   2. the rest of the current batch, then, in JSON, its ping
//   3. a ping that is due (twice a heartbeat; its number is that of the last batch)
//   4. a new batch, if the client has one and the window has room
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "supervisor/link/batch_window.h"
#include "supervisor/link/link.h"
#include "supervisor/link/liveness.h"
#include "supervisor/link/web_socket.h"

namespace charter::supervisor {

class Exchange : public std::enable_shared_from_this<Exchange> {
 public:
  using Clock = std::chrono::steady_clock;
  // The connection is to be given up; called at most once, never from inside start() or wake().
  using GiveUp = std::function<void(const std::string& reason)>;

  // What tells that a batch has arrived: the gateway's own acknowledgement, the pong behind it,
  // or, of a gateway known to answer no pings, TCP's.
  enum class Confirmation { acks, pongs, tcp };

  // `socket` and `client` must live until stop().
  Exchange(const boost::asio::any_io_executor& executor, WebSocket& socket, LinkClient& client,
           std::chrono::milliseconds heartbeat, Confirmation confirmation, GiveUp give_up);

  void start();
  void stop();
  void wake();
  void ponged(std::string_view payload);
  // The client has received a message, perhaps an acknowledgement.
  void heard();

  [[nodiscard]] bool has_ponged() const { return liveness_.has_ponged(); }
  [[nodiscard]] bool has_confirmed() const { return has_confirmed_; }
  // When a heartbeat was last sent here, by the wall clock; 0: not yet.
  [[nodiscard]] std::int64_t last_heartbeat_us() const { return last_heartbeat_us_; }

 private:
  void pump();
  void listen();
  void fill();
  void write(std::string text);
  void ping(std::uint64_t number);
  void written();
  void pinged(bool ends_batch);
  void batch_written();
  void settle();
  void confirm(std::optional<std::uint64_t> number);
  void arm(Clock::time_point now);
  void on_timer();
  void take_turn(Clock::time_point now);
  void judge(Clock::time_point now);

  static constexpr std::size_t kBatchBytes = 64U << 10;
  static constexpr std::chrono::milliseconds kAckPoll{50};
  static constexpr std::chrono::milliseconds kCrowdPoll{20};

  boost::asio::steady_timer timer_;
  WebSocket& socket_;
  LinkClient& client_;
  GiveUp give_up_;
  std::chrono::milliseconds half_;  // of a heartbeat
  bool by_acks_;
  bool confirm_by_ack_;  // of TCP
  Liveness liveness_;
  BatchWindow window_;

  std::vector<std::string> batch_;  // being written
  std::size_t next_in_batch_ = 0;
  bool batch_wants_end_ = false;  // its ping, or only that it was written
  bool writing_ = false;
  bool heartbeat_due_ = false;
  bool ping_due_ = false;
  bool hungry_ = true;  // the client may have something
  bool pump_posted_ = false;
  bool deaf_ = false;  // the client is crowded: nothing is read
  bool stopped_ = false;
  bool has_confirmed_ = false;
  std::int64_t last_heartbeat_us_ = 0;
  std::uint64_t halves_ = 0;
  Clock::time_point next_half_;
};

}  // namespace charter::supervisor
