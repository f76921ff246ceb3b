// Looks at the disk from time to time, often when it is nearly full, and says when runs can be
// taken on and when not.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "supervisor/clock.h"
#include "supervisor/reserve.h"
#include "supervisor/sync_thread.h"

namespace charter::supervisor {

class SpaceWatch {
 public:
  // `changed` is called, on the loop, whenever is_short() is another than before.
  SpaceWatch(boost::asio::any_io_executor executor, SyncThread& disk,
             std::shared_ptr<Reserve> reserve, std::function<void()> changed);

  // Looks for the first time before it returns, then goes on by itself.
  void start();
  // Looks at once, on the loop: for whoever has just failed to write.
  bool look();

  [[nodiscard]] bool is_short() const { return space_.is_short(); }
  // In words; empty while there is space.
  [[nodiscard]] std::string trouble() const;

 private:
  void arm();
  void seen(const Reserve::Space& space);

  SyncThread& disk_;
  std::shared_ptr<Reserve> reserve_;
  std::function<void()> changed_;
  Timer timer_;
  Reserve::Space space_{Reserve::kLeastFree, false};
};

}  // namespace charter::supervisor
