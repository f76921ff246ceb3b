// A terminal for a child of the test: its keyboard and what its screen has shown so far.
#pragma once

#include <string>
#include <string_view>

#include "tests/support/child_process.h"

namespace charter::tests {

class PseudoTerminal {
 public:
  PseudoTerminal();
  ~PseudoTerminal();
  PseudoTerminal(const PseudoTerminal&) = delete;
  PseudoTerminal& operator=(const PseudoTerminal&) = delete;

  // Runs the command at it, as a shell would: standard input and error are this terminal, which
  // controls it, so that typing Ctrl-C interrupts it. Standard output goes to spec.output.
  [[nodiscard]] ChildProcess run(ChildSpec spec) const;

  // What to give as spec.output for standard output to be this terminal, too.
  [[nodiscard]] const std::string& name() const { return name_; }
  void resize(unsigned short columns) const;

  // What was typed is echoed and so shown as well.
  void type(std::string_view keys) const;
  void type_line(std::string_view line) const { type(std::string(line) + "\n"); }
  void ctrl_c() const { type("\x03"); }
  void ctrl_d() const { type("\x04"); }

  [[nodiscard]] const std::string& shown();
  // Waits until `text` is shown behind what an earlier call waited for.
  [[nodiscard]] bool shows(std::string_view text, milliseconds limit = kSoon);

 private:
  int keyboard_ = -1;
  int child_end_ = -1;  // kept open, so that the terminal outlives the child
  std::string name_;
  std::string shown_;
  std::size_t seen_ = 0;
};

}  // namespace charter::tests
