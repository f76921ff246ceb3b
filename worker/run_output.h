// What the processes of a burst print, on its way into the run's output log (ipc/output_log.h):
// steps' standard output and error, as their attempts read them, and integrations' standard error,
// which is read whenever the engine waits. Sensitive texts are masked before anything is written.
// Nothing is done, and no secret looked up, before the first byte.
#pragma once

#include <poll.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/layout.h"
#include "ipc/output_log.h"
#include "ipc/unique_fd.h"
#include "worker/attention.h"
#include "worker/plan/workflow.h"
#include "worker/steps/output_mask.h"

namespace charter::worker {

class RunOutput : public Listener {
 public:
  // The texts that must not be shown, as far as they are known by now.
  using Secrets = std::function<std::vector<std::string>()>;

  // `layout` outlives this. `most_bytes`: see OutputLog; with 0 nothing is kept.
  RunOutput(const ipc::Layout& layout, const std::string& run, std::uint64_t most_bytes,
            Secrets secrets);

  // An attempt at a step begins. A stream that becomes an output declared sensitive is withheld
  // as a whole: what it will be is not known yet.
  void enter(const Step& step, long long attempt);
  // Where the attempt's standard output and error are read from.
  void expect(int out, int err) { pipes_ = {out, err}; }
  // What was read of them.
  void take(ipc::OutputStream stream, std::string_view bytes);
  // The attempt is over, and everything of it has been taken.
  void leave();
  // There are secrets that were none when the step was entered.
  void learn() { ++change_; }

  // The standard error for a new process of this integration's; none: it has the engine's.
  [[nodiscard]] ipc::UniqueFd listen_to(const std::string& source);

  [[nodiscard]] std::span<pollfd> sources() override { return entries_; }
  void listen() override;
  void overhear(int descriptor, std::string_view bytes) override;
  void finish() override;

 private:
  struct Stream {
    OutputMask mask;
    std::uint64_t knows = 0;  // as of which change_
    bool withheld = false;
    bool told = false;  // that something is withheld
  };
  struct Source {
    std::string name;
    ipc::UniqueFd end;
    Stream stream;
  };

  void pass(Stream& stream, ipc::OutputStream kind, const std::string& source,
            std::string_view bytes);
  void write(ipc::OutputStream kind, const std::string& source, std::string bytes);
  bool read(Source& source, pollfd& entry);
  void drain();

  std::optional<ipc::OutputLog> log_;
  Secrets secrets_;
  std::vector<std::string> known_;
  std::uint64_t known_as_of_ = 0;
  std::uint64_t change_ = 1;  // of what may be sensitive
  std::string step_id_;
  std::uint32_t attempt_ = 0;
  std::array<int, 2> pipes_{-1, -1};
  std::array<Stream, 2> streams_;
  std::vector<Source> sources_;
  std::vector<pollfd> entries_;  // of them, at the same places
};

}  // namespace charter::worker
