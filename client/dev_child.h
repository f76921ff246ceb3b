// A child of `dev`: another part of this very program. It ends when its parent does, however that
// ends.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "client/connection.h"
#include "client/outcome.h"
#include "ipc/unique_fd.h"

namespace charter::client {

class DevChild {
 public:
  // `name`: as people are told of it, "gateway".
  explicit DevChild(std::string name) : name_(std::move(name)) {}
  // Ends it, at once, when it is still there.
  ~DevChild();
  DevChild(const DevChild&) = delete;
  DevChild& operator=(const DevChild&) = delete;

  // Executes this program with those arguments. Standard output becomes a pipe when `heard`, and
  // /dev/null otherwise; standard error is ours. `group`: the process group it joins, 0 for one of
  // its own; never ours, because Ctrl-C is for the parent, which ends its children in order.
  [[nodiscard]] Expected<void> start(const std::vector<std::string>& arguments, bool heard,
                                     pid_t group);
  // The reading end of its standard output, which does not block.
  [[nodiscard]] int output() const { return output_.get(); }

  // Reaps it when it has ended.
  [[nodiscard]] bool running();
  void signal(int number) const;
  // "exited with code 1", "was ended by signal 9 (Killed)"; for one that has ended.
  [[nodiscard]] std::string ending() const;
  // Whether it has ended by itself and in order.
  [[nodiscard]] bool ended_well() const { return status_ && *status_ == 0; }
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  std::string name_;
  pid_t pid_ = -1;
  std::optional<int> status_;  // as waitpid() gives it
  ipc::UniqueFd output_;
};

}  // namespace charter::client
