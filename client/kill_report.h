// How a kill went, whoever carried it out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/fields.h"
#include "client/table.h"
#include "ipc/journal_frame.h"

namespace charter::client {

struct KillReport {
  std::string run_id;
  std::string outcome;  // ended, already_finished, left
  std::string status;   // of the run, as on the wire
  std::int64_t elapsed_ms = 0;
  std::optional<std::int64_t> asker_uid;
  std::vector<ipc::LeftProcess> left;
  std::string by;  // daemon or guardian
};

[[nodiscard]] KillReport report_of(const std::string& run_id, const Fields& answer);
[[nodiscard]] std::string kill_json(const KillReport& report);
[[nodiscard]] std::string kill_text(const KillReport& report, const Screen& screen);
[[nodiscard]] int kill_exit_code(const KillReport& report);

}  // namespace charter::client
