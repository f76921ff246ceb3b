// An interpreter for whoever has a question outside of a burst: before there is a run, or about one
// whose engine is gone. It has no integrations, and ends with this, with all it has started.
//
// For processes that have no other children: what is left of them is ended, too.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "ipc/error.h"
#include "ipc/sandbox.h"
#include "ipc/unique_fd.h"
#include "worker/json/value.h"
#include "worker/plan/runtime.h"

namespace charter::worker {

class Inquiry {
 public:
  // Where the interpreter is kept; a sandbox of level 0 is none.
  struct Place {
    ipc::Sandbox sandbox;
    std::string root;      // the project's
    std::string data_dir;  // the daemon's
  };

  // `what` it is about, for errors: plural, with a capital letter.
  Inquiry(PythonRuntime runtime, std::string what, Place place)
      : runtime_(std::move(runtime)), what_(std::move(what)), place_(std::move(place)) {}
  ~Inquiry();
  Inquiry(const Inquiry&) = delete;
  Inquiry& operator=(const Inquiry&) = delete;

  // A request of the bridge's (bridge/charter_bridge.py) and what was answered. Starts the
  // interpreter for the first one. All of them together have fifteen seconds.
  [[nodiscard]] ipc::Result<Object> call(std::string_view method, const std::string& params);

 private:
  ipc::Result<void> start();
  ipc::Result<void> confine();
  ipc::Result<void> send(std::string_view line);
  ipc::Result<std::string> read_line();
  [[nodiscard]] bool ready(const ipc::UniqueFd& pipe, short event) const;
  [[nodiscard]] ipc::Error silence() const;

  PythonRuntime runtime_;
  std::string what_;
  Place place_;
  std::string scratch_;  // its temporary directory, while there is one
  ipc::UniqueFd requests_;
  ipc::UniqueFd answers_;
  std::string received_;
  std::string unsent_;
  pid_t pid_ = 0;
  std::int64_t deadline_ms_ = 0;
  int asked_ = 0;
};

}  // namespace charter::worker
