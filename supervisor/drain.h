// A daemon that is to end, or to stand idle, without ending a run: it takes no new ones, begins no
// burst, and lets what executes come to its end. Runs that are queued, paused or decided upon wait
// for the next daemon, or until the drain is taken back. Not kept over a restart.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <string>

#include "supervisor/clock.h"

namespace charter::supervisor {

class Drain {
 public:
  struct Hooks {
    std::function<void()> changed;     // on() is another than before
    std::function<bool()> busy;        // some worker lives or is about to
    std::function<bool()> delivering;  // a connected gateway does not have everything yet
    std::function<void()> end;         // the daemon shall end
  };

  // Loop only. `hooks` are called from begin() and take_back() and later, never before.
  Drain(boost::asio::any_io_executor executor, Hooks hooks)
      : hooks_(std::move(hooks)), timer_(std::move(executor)) {}

  // Begins, or says anew whether the daemon stays. `stay`: it goes on to answer once it is done,
  // instead of ending.
  void begin(bool stay);
  // Takes runs again. Whether there was something to take back.
  bool take_back();

  [[nodiscard]] bool on() const { return !since_.empty(); }
  // JSON for `status`: null, or an object with since, stay and done (nothing executes any more).
  [[nodiscard]] std::string view() const;

 private:
  void look_later();
  void look();

  Hooks hooks_;
  Timer timer_;
  std::string since_;  // empty: none
  bool stay_ = false;
  int looks_while_delivering_ = 0;
};

}  // namespace charter::supervisor
