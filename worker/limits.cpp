#include "worker/limits.h"

#include "ipc/job.h"

namespace charter::worker {

Limits limits_of(const ipc::Job& job) {
  Limits limits;
  if (job.step_output_max > 0) limits.output_bytes = job.step_output_max;
  limits.log_bytes = job.log_max;
  if (job.setup_timeout_ms > 0) limits.setup_ms = static_cast<std::int64_t>(job.setup_timeout_ms);
  if (job.teardown_timeout_ms > 0) {
    limits.teardown_ms = static_cast<std::int64_t>(job.teardown_timeout_ms);
  }
  return limits;
}

std::string bytes_text(std::size_t bytes) {
  constexpr std::size_t kMebi = std::size_t{1} << 20;
  constexpr std::size_t kKibi = std::size_t{1} << 10;
  if (bytes % kMebi == 0) return std::to_string(bytes / kMebi) + " MiB";
  if (bytes % kKibi == 0) return std::to_string(bytes / kKibi) + " KiB";
  return std::to_string(bytes) + " bytes";
}

}  // namespace charter::worker
