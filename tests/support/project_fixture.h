// A Charter project in a directory of its own, with workflows written by the test.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/files.h"

namespace charter::tests {

class ProjectFixture {
 public:
  ProjectFixture();
  // Ends every process that still carries this project's mark, whatever daemon is left.
  ~ProjectFixture();
  ProjectFixture(const ProjectFixture&) = delete;
  ProjectFixture& operator=(const ProjectFixture&) = delete;

  [[nodiscard]] const std::string& root() const { return root_; }
  [[nodiscard]] std::string operator/(std::string_view name) const {
    return root_ + "/" + std::string(name);
  }
  // Beside the project: logs and what steps leave for the test.
  [[nodiscard]] std::string scratch(std::string_view name) const { return directory_ / name; }

  // workflows/<id>/{manifest,plan}.yml. `steps` is the YAML of the step list, indented by two;
  // `inputs` the manifest's `inputs:` block, or empty.
  std::string add_workflow(const std::string& id, std::string_view steps,
                           std::string_view inputs = {}) const;
  [[nodiscard]] std::string plan(const std::string& id) const;
  [[nodiscard]] std::string socket() const { return root_ + "/.charter/daemon.sock"; }
  [[nodiscard]] std::string state_file(const std::string& run) const;
  [[nodiscard]] std::string journal(const std::string& run) const;

  // A value that daemons of this project carry in their environment as TEST_MARK, and so
  // everything that descends from them.
  [[nodiscard]] const std::string& mark() const { return mark_; }
  // The living processes of a run of this project's: another test may use the same run id.
  [[nodiscard]] std::vector<pid_t> processes_of(std::string_view run) const;

 private:
  void install_for_the_reference() const;
  void remove_groups() const;
  TempDir directory_;
  std::string root_;
  std::string mark_;
};

// One YAML shell step with the id; `command` is quoted as a block.
[[nodiscard]] std::string shell_step(std::string_view id, std::string_view command,
                                     std::string_view more = {});
[[nodiscard]] std::string gate_step(std::string_view id);
// A step that waits until `file` exists, so a test decides when the run goes on.
[[nodiscard]] std::string hold_step(std::string_view id, std::string_view file);

// `count` state steps s0, s1, …, two events each and no process.
[[nodiscard]] std::string state_steps(int count);

}  // namespace charter::tests
