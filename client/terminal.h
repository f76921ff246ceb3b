// A person at a terminal: asked on standard error, heard on standard input.
#pragma once

#include <csignal>
#include <functional>
#include <string>
#include <string_view>

#include "client/connection.h"
#include "ipc/unique_fd.h"

namespace charter::client {

// Whether both standard input and standard error are terminals, and this program is not in their
// background; only then may anything be asked.
[[nodiscard]] bool person_present();

// What goes on while a question is open.
struct Meanwhile {
  std::function<int()> descriptor;  // readable when something happened; -1: nothing to watch
  std::function<bool()> wanted;     // asked then: whether the answer is still wanted
  Deadline deadline = kNever;
};

// While it exists Ctrl-C ends a question instead of the program.
class Terminal {
 public:
  explicit Terminal(Meanwhile meanwhile);
  ~Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  // `left`: end of input or Ctrl-C. `withdrawn`: not wanted any more. `late`: past the deadline.
  enum class Said { line, left, withdrawn, late };
  // Shows the text as it is, without control characters, and waits for a line.
  [[nodiscard]] Said ask(std::string_view prompt, std::string& line);
  // A text of several lines, indented.
  static void show(std::string_view text);

 private:
  [[nodiscard]] bool take_line(std::string& line);

  Meanwhile meanwhile_;
  sigset_t before_{};
  ipc::UniqueFd interrupts_;
  std::string typed_;
};

}  // namespace charter::client
