// Watches the bytes of a WebSocket server's outgoing frames and says which pongs may pass.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace charter::gateway {

class FrameWatch {
 public:
  static constexpr std::size_t kLongestControlFrame = 127;

  enum class Verdict { pass, drop };

  // One pong with this payload may pass.
  void permit(std::string payload) { permits_.push_back(std::move(payload)); }

  // A write is about to begin; `head` is the beginning of its bytes, all of them when they are a
  // control frame. In the middle of a frame everything passes. A pong that is dropped counts as
  // written.
  [[nodiscard]] Verdict begins(std::string_view head);
  // So many bytes of what passed have been written.
  void written(std::size_t bytes);

 private:
  std::uint64_t left_ = 0;  // of the frame that is being written
  std::vector<std::string> permits_;
};

}  // namespace charter::gateway
