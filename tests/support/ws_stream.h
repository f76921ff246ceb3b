// The bytes below a test server's connection; plain here, encrypted in ws_tls.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace charter::tests {

class WsStream {
 public:
  enum class Outcome { moved, try_later, ended, broken };

  virtual ~WsStream() = default;
  [[nodiscard]] virtual int descriptor() const = 0;
  // What must happen before the first byte; blocks. False when the other side is not to be had.
  [[nodiscard]] virtual bool prepare() = 0;
  // Appends what is there. Does not block.
  [[nodiscard]] virtual Outcome read(std::string& into) = 0;
  // Takes off `bytes` what could be sent. Does not block.
  [[nodiscard]] virtual Outcome write(std::string& bytes) = 0;
};

// Makes the stream of an accepted, non-blocking socket and owns that socket from then on.
using WsStreamMaker = std::function<std::unique_ptr<WsStream>(int socket)>;

[[nodiscard]] std::unique_ptr<WsStream> plain_stream(int socket);

}  // namespace charter::tests
