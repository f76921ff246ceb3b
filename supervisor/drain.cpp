#include "supervisor/drain.h"

#include <chrono>

#include "ipc/journal.h"
#include "ipc/json_object.h"
#include "supervisor/log.h"

namespace charter::supervisor {
namespace {

constexpr std::chrono::milliseconds kLook{100};
constexpr int kMostLooksWhileDelivering = 100;  // ten seconds; what is left the next daemon sends

}  // namespace

void Drain::begin(bool stay) {
  stay_ = stay;
  looks_while_delivering_ = 0;
  if (!on()) {
    since_ = ipc::wire_time(ipc::now_us());
    log::info("Draining: no new runs are taken; the daemon {} once nothing executes",
              stay_ ? "stands idle" : "ends");
    hooks_.changed();
  }
  look_later();  // so that who asked is answered first
}

bool Drain::take_back() {
  if (!on()) return false;
  since_.clear();
  timer_.cancel();
  log::info("The drain is taken back: runs are taken again");
  hooks_.changed();
  return true;
}

std::string Drain::view() const {
  if (!on()) return "null";
  return ipc::JsonObject()
      .text("since", since_)
      .flag("stay", stay_)
      .flag("done", !hooks_.busy())
      .str();
}

void Drain::look_later() {
  timer_.expires_after(kLook);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) look();
  });
}

void Drain::look() {
  if (!on() || stay_) return;
  if (!hooks_.busy()) {
    if (!hooks_.delivering() || ++looks_while_delivering_ > kMostLooksWhileDelivering) {
      log::info("Drained: nothing executes any more");
      return hooks_.end();
    }
  }
  look_later();
}

}  // namespace charter::supervisor
