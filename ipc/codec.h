// Between plain values and the payloads of log frames. Reading is bounded: one segment, its size
// known, nesting and traversal limited; anything else is an error, never undefined.
#pragma once

#include <string>
#include <string_view>

#include "ipc/error.h"
#include "ipc/journal_frame.h"
#include "ipc/ledger_record.h"

namespace charter::ipc {

[[nodiscard]] std::string encode(const JournalFrame& frame);
// `payload` must be 8-aligned (LogReader's are). An unknown kind of frame is an error with code
// std::errc::not_supported, which readers skip.
[[nodiscard]] Result<JournalFrame> decode_journal_frame(std::string_view payload);

[[nodiscard]] std::string encode(const LedgerRecord& record);
[[nodiscard]] Result<LedgerRecord> decode_ledger_record(std::string_view payload);

}  // namespace charter::ipc
