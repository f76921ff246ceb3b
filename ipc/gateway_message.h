// The messages of the WebSocket subprotocol charter.capnp.v1 as plain values; gateway.capnp
// describes each field. Reading is bounded in size, nesting and traversal, and checks that texts
// are UTF-8 and the JSON of commands and of descriptions is JSON. What runs print is anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ipc/error.h"
#include "ipc/journal_frame.h"
#include "ipc/output_log.h"

namespace charter::ipc::wire {

inline constexpr std::string_view kSubprotocol = "charter.capnp.v1";
inline constexpr std::uint32_t kVersion = 1;
// Frames in one message, acknowledgements in one message; more is refused.
inline constexpr std::size_t kMaxFrames = 4096;
inline constexpr std::size_t kMaxAcks = 65'536;
// Pieces of output in one message; more is refused.
inline constexpr std::size_t kMaxPieces = 4096;

// ---- to the gateway ----

struct Register {
  std::uint32_t version = kVersion;
  std::string worker_id;
  std::int64_t max_runs = 0;
  std::vector<std::string> active_runs;
  bool tells_output = false;
};

struct Announced {
  std::string run_id;
  std::string status;
  std::string workflow_path;
  std::string started_at;
};

struct Events {
  std::vector<std::string> frames;  // payloads of journal frames, see event_of()
};

struct Heartbeat {
  std::uint64_t running = 0;
  std::uint64_t paused = 0;
};

struct CommandResult {
  std::string command_id;
  std::string run_id;
  bool ok = false;
  std::string code;
  std::string message;
};

struct Described {
  std::uint64_t id = 0;
  std::string workflows;  // JSON array; empty when there is an error
  std::string error;
};

struct Output {
  std::uint64_t id = 0;
  std::vector<OutputPiece> pieces;
  OutputPlace next;
  bool more = false;
  bool over = false;
  std::string error;
};

using ToGateway =
    std::variant<Register, Announced, Events, Heartbeat, CommandResult, Described, Output>;

// ---- to the daemon ----

struct Welcome {
  std::uint32_t version = kVersion;
};

struct Ack {
  std::string run_id;
  std::uint64_t seq = 0;
};
using Acks = std::vector<Ack>;

struct Start {
  std::string workflow_id;
  std::string variables;
};

struct Resume {
  bool approved = false;
  std::optional<std::string> note;
};

struct Cancel {
  std::optional<std::string> note;
};

struct Input {
  std::string json;
};

struct Command {
  std::string command_id;
  std::string run_id;
  std::string step_id;
  std::uint32_t pause = 0;
  std::variant<Start, Resume, Cancel, Input> order;
};

struct Describe {
  std::uint64_t id = 0;
};

struct ReadOutput {
  std::uint64_t id = 0;
  std::string run_id;
  std::string started_at = {};
  OutputPlace place = {};
  std::uint64_t tail = 0;
  std::uint32_t max_bytes = 0;
};

using ToDaemon = std::variant<Welcome, Acks, Command, Describe, ReadOutput>;

// ---- as bytes ----

[[nodiscard]] std::string encode(const ToGateway& message);
[[nodiscard]] std::string encode(const ToDaemon& message);

// Errors say what is wrong and never quote contents. A kind of message or of command that this
// program does not know is std::errc::not_supported: it is passed over, the connection stays.
[[nodiscard]] Result<ToGateway> decode_to_gateway(std::string_view bytes);
[[nodiscard]] Result<ToDaemon> decode_to_daemon(std::string_view bytes);

// What a frame of Events carries. Its JSON is not looked at.
struct CarriedEvent {
  std::int64_t at_us = 0;
  Event event;
};
[[nodiscard]] Result<CarriedEvent> event_of(std::string_view frame);

// The seq of a journal frame that is an event; nothing for other kinds, and for what is no frame.
[[nodiscard]] std::optional<std::uint64_t> event_seq(std::string_view frame);

}  // namespace charter::ipc::wire
