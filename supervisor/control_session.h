// One connection to the hand-off socket: one request line in, one or more answer lines out.
#pragma once

#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "ipc/unique_fd.h"
#include "supervisor/clock.h"
#include "supervisor/request_reader.h"

namespace charter::supervisor {

class ControlSession : public std::enable_shared_from_this<ControlSession> {
 public:
  struct Limits {
    std::size_t max_request_bytes;
    std::chrono::milliseconds silence{5000};    // between two bytes of a request
    std::chrono::milliseconds request{60'000};  // for a whole one
    std::chrono::milliseconds answer{30'000};   // for a client that does not read
  };
  // Called once with the request's line.
  using Handler = std::function<void(const std::shared_ptr<ControlSession>&, std::string line)>;
  using Closed = std::function<void(ControlSession*)>;

  ControlSession(boost::asio::any_io_executor executor, ipc::UniqueFd socket, uid_t peer,
                 const Limits& limits, RequestBudget& budget, Handler handler, Closed closed);
  ~ControlSession();

  void start();
  // Ends the connection without another word.
  void close();

  [[nodiscard]] uid_t peer() const { return peer_; }
  [[nodiscard]] bool reading() const { return !handled_; }
  [[nodiscard]] BootClock::time_point began() const { return began_; }

  // Sends a line; its newline is added. The last one closes the connection once it is out.
  void send(std::string_view line);
  void send_last(std::string_view line);
  // Whether more may be sent without piling up. Otherwise `ready` is called once when it may.
  [[nodiscard]] bool roomy() const;
  void when_roomy(std::function<void()> ready) { when_roomy_ = std::move(ready); }
  // Kept until the connection ends: whatever carries out the request.
  void keep(std::shared_ptr<void> work) { work_ = std::move(work); }

 private:
  void wait_to_read();
  void readable();
  void ended_early();
  void handle_line();
  void refuse(std::string_view text);
  void set_deadline();
  void too_late();
  void watch_for_hangup();
  void flush();
  void wait_to_write();

  ipc::UniqueFd socket_;
  boost::asio::posix::stream_descriptor descriptor_;
  uid_t peer_;
  const Limits& limits_;
  RequestReader reader_;
  Handler handler_;
  Closed closed_;
  Timer deadline_;
  BootClock::time_point began_ = BootClock::now();
  std::string out_;
  std::size_t out_done_ = 0;
  bool handled_ = false;
  bool last_ = false;
  bool writing_ = false;
  bool is_closed_ = false;
  std::function<void()> when_roomy_;
  std::shared_ptr<void> work_;
};

using SessionPtr = std::shared_ptr<ControlSession>;

}  // namespace charter::supervisor
