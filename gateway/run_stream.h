// All runs as server-sent events: each that changes, as the list shows it, and that daemons came or
// went.
#pragma once

#include <cstdint>
#include <vector>

#include "gateway/sse_stream.h"

namespace charter::gateway {

class RunStream : public SseStream {
 public:
  RunStream(boost::beast::tcp_stream stream, ConnectionCount::Place place,
            const Services& services);

 private:
  Topics::Subscription subscribe() override;
  void look() override;
  void on_runs(std::string text, const std::vector<RunRow>& runs);

  std::uint64_t next_ = 0;  // of the log of changes
  bool greeted_ = false;
};

}  // namespace charter::gateway
