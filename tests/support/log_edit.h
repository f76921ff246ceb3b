// Journals and ledgers as a test wants them: frames read, changed and written again.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/journal_frame.h"

namespace charter::tests {

[[nodiscard]] std::vector<ipc::JournalFrame> frames_of(const std::string& journal);
// Writes the journal anew, with every frame as `change` leaves it. Throws when it cannot.
void change_frames(const std::string& journal,
                   const std::function<void(ipc::JournalFrame& frame)>& change);
// Puts a frame of a kind that no program knows behind the frame of this place in the file.
void insert_unknown_frame(const std::string& log, std::size_t place);
// Flips a bit in each payload that `chosen` picks, where it lies. Returns how many these were.
std::size_t damage(const std::string& log,
                   const std::function<bool(std::string_view payload)>& chosen);
// Changes the version in a log's header.
void set_version(const std::string& log, std::uint32_t version);

}  // namespace charter::tests
