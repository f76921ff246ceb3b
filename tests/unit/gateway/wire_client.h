// A daemon that speaks charter.capnp.v1, as the gateway sees it.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "ipc/codec.h"
#include "ipc/gateway_message.h"
#include "tests/unit/gateway/daemon_client.h"

namespace charter::gateway {

namespace wire = ipc::wire;

// A frame of a journal, with the event bytes of the stock messages of daemon_client.h.
inline std::string frame_of(std::string_view run, std::uint64_t seq, std::string_view event,
                            std::string_view step = "", std::uint32_t pause = 0) {
  constexpr std::int64_t kAt = 1'767'323'045'000'006;  // 2026-01-02T03:04:05.000006Z
  constexpr std::string_view kBefore = "{\"kind\":\"";
  const std::string_view rest = event.substr(std::min(event.size(), kBefore.size()));
  const std::string kind(rest.substr(0, rest.find('"')));
  return ipc::encode(
      ipc::JournalFrame{kAt, ipc::Event{std::string(run), seq, kind, std::string(step), pause,
                                        false, std::string(event)}});
}

class WireClient {
 public:
  explicit WireClient(std::uint16_t port,
                      const std::string& offer = "Sec-WebSocket-Protocol: charter.capnp.v1")
      : daemon_(port, {offer}) {}

  DaemonClient& socket() { return daemon_; }
  bool send(const wire::ToGateway& message) { return send_bytes(wire::encode(message)); }
  bool send_bytes(std::string_view bytes) { return daemon_.send_frame(WsOpcode::binary, bytes); }

  // The next message; nothing when none came in time.
  std::optional<wire::ToDaemon> next(milliseconds limit = kSoon) {
    while (const auto frame = daemon_.next(limit)) {
      if (frame->opcode != WsOpcode::binary) continue;
      auto message = wire::decode_to_daemon(frame->payload);
      if (message) return std::move(*message);
    }
    return std::nullopt;
  }
  // The next one of that kind; others before it are passed over.
  template <class Kind>
  std::optional<Kind> next_of(milliseconds limit = kSoon) {
    while (auto message = next(limit)) {
      if (auto* wanted = std::get_if<Kind>(&*message)) return std::move(*wanted);
    }
    return std::nullopt;
  }
  // Whether the run is acknowledged up to `seq`.
  bool acknowledged(std::string_view run, std::uint64_t seq, milliseconds limit = kSoon) {
    while (const auto acks = next_of<wire::Acks>(limit)) {
      for (const wire::Ack& ack : *acks) {
        if (ack.run_id == run && ack.seq == seq) return true;
      }
    }
    return false;
  }
  // Registers, announces the run and says that it waits at gate g, its second pause.
  bool pause_at_gate() {
    send(wire::Register{wire::kVersion, "w1", 4, {"r"}});
    send(wire::Announced{"r", "paused", "/p/workflows/demo/plan.yml", "2026-01-02T03:04:05Z"});
    send(wire::Events{{frame_of("r", 0, kGatePending, "g", 2)}});
    return acknowledged("r", 0);
  }

 private:
  DaemonClient daemon_;
};

}  // namespace charter::gateway
