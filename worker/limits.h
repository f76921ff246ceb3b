// What a run's steps and integrations may take before they fail for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace charter::ipc {
struct Job;
}

namespace charter::worker {

struct Limits {
  std::size_t output_bytes = std::size_t{64} << 20;  // printed by a step, or one line of an answer
  std::int64_t setup_ms = 60'000;                    // of an integration
  std::int64_t teardown_ms = 10'000;
  std::uint64_t log_bytes = 0;  // kept of what steps print; 0: nothing is
};

// The job's, with the defaults above where it names none.
[[nodiscard]] Limits limits_of(const ipc::Job& job);

// "64 MiB", "1500 bytes": a limit in the words of an error.
[[nodiscard]] std::string bytes_text(std::size_t bytes);

}  // namespace charter::worker
