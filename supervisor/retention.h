// Removes journals of runs that are over and delivered, once they are old or too many: a daemon may
// run for years. The state files and artifacts of these runs stay.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "ipc/layout.h"
#include "supervisor/clock.h"
#include "supervisor/ledger.h"
#include "supervisor/registry.h"
#include "supervisor/retention_settings.h"
#include "supervisor/sync_thread.h"

namespace charter::supervisor {

class Retention {
 public:
  Retention(boost::asio::any_io_executor executor, SyncThread& disk, Ledger& ledger,
            const ipc::Layout& layout, const Registry& registry, RetentionSettings settings);

  void start();

 private:
  // What lies in the directory of one run.
  struct Kept {
    std::string run;
    std::int64_t changed_us = 0;
    std::uint64_t bytes = 0;
  };
  void look_after(std::chrono::milliseconds time);
  void look();
  void judge(std::vector<Kept> found);
  void remove_some();
  void remove(std::vector<std::string> runs);
  [[nodiscard]] std::int64_t now_us() const;

  SyncThread& disk_;
  Ledger& ledger_;
  const ipc::Layout& layout_;
  const Registry& registry_;
  RetentionSettings settings_;
  Timer timer_;
  // Ages are told by the boot clock from the start on: a wall clock that jumps a year ahead must
  // not empty the directory.
  std::int64_t started_us_;
  BootClock::time_point started_ = BootClock::now();
  std::vector<std::string> due_;
};

}  // namespace charter::supervisor
