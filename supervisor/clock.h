// Time for deadlines: the boot clock, which goes on while the machine sleeps and never jumps.
#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <chrono>

#include "ipc/peer.h"

namespace charter::supervisor {

struct BootClock {
  using duration = std::chrono::milliseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<BootClock>;
  static constexpr bool is_steady = true;
  static time_point now() noexcept { return time_point(duration(ipc::boot_ms())); }
};

using Timer = boost::asio::basic_waitable_timer<BootClock>;

}  // namespace charter::supervisor
