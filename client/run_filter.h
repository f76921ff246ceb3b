// Which runs a person wants listed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/fields.h"
#include "client/outcome.h"
#include "ipc/option_table.h"

namespace charter::client {

class RunFilter {
 public:
  // From --status, --workflow, --since and --limit; `now_ms` is the wall clock's. A usage error
  // names the option and what is wrong with it.
  [[nodiscard]] static Expected<RunFilter> read(const ipc::OptionValues& values,
                                                std::int64_t now_ms);
  // Whether anything is left out at all.
  [[nodiscard]] bool takes_all() const;
  // What is left of runs that are in the order in which they began.
  [[nodiscard]] std::vector<Fields> apply(std::vector<Fields> runs) const;

 private:
  [[nodiscard]] bool takes(const Fields& run) const;

  std::vector<std::string> standings_;
  std::vector<std::string> workflows_;
  std::optional<std::int64_t> since_ms_;
  std::optional<std::size_t> limit_;
};

}  // namespace charter::client
