// What a run prints as server-sent events, from a given place on, until it has ended. The daemon is
// asked for the next part when the reader has taken the last one, and from time to time when there
// was nothing new: one question at a time for each reader.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/api_types.h"
#include "gateway/log_asker.h"
#include "gateway/log_view.h"
#include "gateway/sse_stream.h"

namespace charter::gateway {

struct LogRequest {
  std::string run_id;
  std::string worker_id;
  ipc::OutputPlace from;
  std::uint64_t tail = 0;  // 0: from `from` on
};

// Reads path, query (`worker`, `from`, `tail`) and the Last-Event-ID header; gives what is wrong
// with them.
[[nodiscard]] std::optional<ApiError> read_log_request(const ApiRequest& request,
                                                       std::string_view last_seen,
                                                       LogRequest& wanted);

class LogStream : public SseStream {
 public:
  LogStream(boost::beast::tcp_stream stream, ConnectionCount::Place place, const Services& services,
            LoggedRun run, const LogRequest& wanted);

 private:
  Topics::Subscription subscribe() override { return {}; }
  void look() override;
  void on_part(const ipc::wire::Output& part);
  void on_trouble(const std::string& why, bool last);
  void look_again_later();

  const LoggedRun run_;
  ipc::OutputPlace next_;
  std::uint64_t tail_;  // of the first question
  LogView view_;
  std::string trouble_;  // as it was told last
  std::chrono::milliseconds wait_;
  boost::asio::steady_timer timer_;
};

}  // namespace charter::gateway
