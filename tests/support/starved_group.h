// A processor of which some get nothing: beside a busy loop of great weight, in control groups that
// only root can make.
#pragma once

#include <sys/types.h>

#include <string>

#include "tests/support/child_process.h"

namespace charter::tests {

class StarvedGroup {
 public:
  // Makes it and waits until what is in it gets no processor.
  StarvedGroup();
  ~StarvedGroup();
  StarvedGroup(const StarvedGroup&) = delete;
  StarvedGroup& operator=(const StarvedGroup&) = delete;

  // Why there is none here; empty when there is.
  [[nodiscard]] const std::string& why_not() const { return why_not_; }
  // From now on the process gets no processor; false when it cannot be moved.
  [[nodiscard]] bool take(pid_t process) const;
  // Whoever is in it goes on.
  void feed();

 private:
  void build();
  bool starves() const;

  std::string group_;  // with the two below it, so that the rest of the host loses no more by it
  std::string rich_;
  std::string poor_;
  std::string why_not_;
  int processor_ = 0;
  ChildProcess greedy_;
  ChildProcess first_;  // uses up what the poor group gets at once
};

}  // namespace charter::tests
