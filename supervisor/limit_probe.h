// Where a group that keeps one limit can be made, found by making one.
#pragma once

#include <string>

#include "supervisor/run_limits.h"

namespace charter::supervisor {

class LimitProbe {
 public:
  // `name`: of the groups it makes and removes again.
  LimitProbe(GroupTree tree, std::string name, const RunLimits::Attempt& attempt)
      : tree_(std::move(tree)), name_(std::move(name)), attempt_(attempt) {}

  // Fills base and means, or the note with why there are none.
  void find(const std::string& controller, LimitState& limit);

 private:
  // Empty, or why version 2 does not keep it.
  [[nodiscard]] std::string unified(const std::string& controller, LimitState& limit);
  [[nodiscard]] std::string pass_on(const std::string& base, const std::string& controller) const;
  [[nodiscard]] std::string unified_base() const;
  [[nodiscard]] ipc::Result<void> attempt(const std::string& controller, const std::string& base,
                                          std::uint64_t value) const;

  GroupTree tree_;
  std::string name_;
  const RunLimits::Attempt& attempt_;
};

}  // namespace charter::supervisor
