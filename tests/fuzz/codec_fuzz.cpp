// Every decoder on any bytes: a value or an error, and a value is encoded and decoded to itself.
#include "ipc/codec.h"

#include <cstdint>
#include <cstring>

#include "check.h"
#include "ipc/doorbell.h"
#include "ipc/job.h"
#include "ipc/output_log.h"
#include "ipc/prepare.h"

namespace {

using namespace charter::ipc;

template <class Decode>
void check_round_trip(const std::string& bytes, Decode decode) {
  const auto value = decode(bytes);
  if (!value) {
    CHARTER_CHECK(!value.error().message().empty());
    return;
  }
  const std::string again = encode(*value);
  const auto same = decode(again);
  CHARTER_CHECK(same && encode(*same) == again);
}

// The rest of the input as one segment behind a right segment table, or as it is.
std::string message_of(const char* bytes, std::size_t size, bool wrap) {
  if (!wrap) return {bytes, size};
  std::string message(8 + size / 8 * 8, '\0');
  const auto words = static_cast<std::uint32_t>(size / 8);
  std::memcpy(message.data() + 4, &words, sizeof words);
  std::memcpy(message.data() + 8, bytes, size / 8 * 8);
  return message;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  const std::string message =
      message_of(reinterpret_cast<const char*>(bytes) + 1, size - 1, (bytes[0] & 8) == 0);
  switch (bytes[0] & 7) {
    case 0:
      check_round_trip(message, decode_journal_frame);
      break;
    case 1:
      check_round_trip(message, decode_ledger_record);
      break;
    case 2:
      check_round_trip(message, decode_job);
      break;
    case 3:
      check_round_trip(message, decode_hello);
      break;
    case 4:
      check_round_trip(message, decode_prepare_request);
      break;
    case 5:
      check_round_trip(message, decode_prepare_reply);
      break;
    case 6:
      check_round_trip(message, decode_output_piece);
      break;
    default:
      (void)decode_ring(message);
  }
  return 0;
}
