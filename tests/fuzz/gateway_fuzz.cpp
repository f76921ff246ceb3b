// What gateways and daemons say to each other in charter.capnp.v1, on any bytes: a value or an
// error, and a value is encoded and decoded to itself.
#include <cstdint>
#include <string>

#include "check.h"
#include "ipc/gateway_message.h"

namespace {

using namespace charter::ipc;

template <class Decode>
void check_round_trip(const std::string& bytes, Decode decode) {
  const auto value = decode(bytes);
  if (!value) {
    CHARTER_CHECK(!value.error().message().empty());
    return;
  }
  const std::string again = wire::encode(*value);
  const auto same = decode(again);
  CHARTER_CHECK(same && wire::encode(*same) == again);
}

void check_frame(const std::string& bytes) {
  const auto event = wire::event_of(bytes);
  const auto seq = wire::event_seq(bytes);
  if (event) CHARTER_CHECK(seq && *seq == event->event.seq);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const std::string rest(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  switch (bytes[0] % 3) {
    case 0:
      check_round_trip(rest, wire::decode_to_gateway);
      // As a gateway goes on: each frame of its own.
      if (const auto message = wire::decode_to_gateway(rest)) {
        if (const auto* events = std::get_if<wire::Events>(&*message)) {
          for (const std::string& frame : events->frames) check_frame(frame);
        }
      }
      break;
    case 1:
      check_round_trip(rest, wire::decode_to_daemon);
      break;
    default:
      check_frame(rest);
  }
  return 0;
}
