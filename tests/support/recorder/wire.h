// charter.capnp.v1 for the recorder: what arrives becomes the stock messages, so that whoever reads
// the record need not know which protocol it came in.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace charter::tests {

// One connection's reader: remembers the worker id, which this protocol says once.
class WireReader {
 public:
  struct Heard {
    std::vector<std::string> messages;  // JSON, as the stock protocol has them
    std::string acks;                   // the message that acknowledges them, or empty
    std::string fault;                  // why it could not be read, or empty
  };
  Heard read(std::string_view bytes);

 private:
  std::string worker_id_;
};

[[nodiscard]] std::string welcome_message();
// A stock command, which may have `step_id` and `pause` besides, as this protocol has it; nothing
// for what is none.
[[nodiscard]] std::optional<std::string> wire_command(std::string_view json);

}  // namespace charter::tests
