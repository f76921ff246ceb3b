// What a run prints as JSON, part by part.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "ipc/gateway_message.h"

namespace charter::gateway {

// A place as text, "POSITION-SEGMENT-OFFSET", and back; nothing for what is none.
[[nodiscard]] std::string place_text(const ipc::OutputPlace& place);
[[nodiscard]] std::optional<ipc::OutputPlace> read_place(std::string_view text);

class LogView {
 public:
  // `position`: where the reader stands; nothing when it takes what comes first for the beginning.
  explicit LogView(std::optional<std::uint64_t> position) : position_(position) {}

  // The pieces as a JSON array, in order; a piece says how many bytes before it are missing, or the
  // first of a reader without a position how many there were. The
  // beginning of a character at a piece's end is held back for the next one of its stream, unless
  // nothing more comes (`last`). What is no UTF-8 becomes U+FFFD.
  [[nodiscard]] std::string pieces(const ipc::wire::Output& part, bool last);

 private:
  struct Held {
    std::string step_id;
    std::uint32_t attempt = 0;
    std::string bytes;  // three at most
  };
  using Stream = std::pair<ipc::OutputStream, std::string>;  // and its source

  std::string whole_characters(const ipc::OutputPiece& piece, bool last);

  std::optional<std::uint64_t> position_;
  std::map<Stream, Held> held_;
};

}  // namespace charter::gateway
