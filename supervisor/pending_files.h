// The first state file of a run that has to wait: the CLI sees `pending` within 20 ms of the
// answer. A run that begins at once gets its file from its engine and costs nothing here.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <deque>
#include <functional>
#include <memory>

#include "ipc/layout.h"
#include "supervisor/clock.h"
#include "supervisor/run.h"
#include "supervisor/sync_thread.h"

namespace charter::supervisor {

class PendingFiles {
 public:
  // `written` is called when a run's file is there (or could not be made): only then may a worker
  // begin, so that the file never replaces the engine's.
  PendingFiles(boost::asio::any_io_executor executor, SyncThread& disk, const ipc::Layout& layout,
               std::function<void(const RunPtr&)> written);

  void expect(const RunPtr& run);

 private:
  struct Due {
    BootClock::time_point at;
    std::weak_ptr<Run> run;
  };
  void arm();
  void tick();
  void write(const RunPtr& run);

  SyncThread& disk_;
  const ipc::Layout& layout_;
  std::function<void(const RunPtr&)> written_;
  Timer timer_;
  bool armed_ = false;
  std::deque<Due> due_;
};

}  // namespace charter::supervisor
