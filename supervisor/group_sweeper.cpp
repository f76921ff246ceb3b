#include "supervisor/group_sweeper.h"

#include <algorithm>
#include <utility>

#include "supervisor/log.h"

namespace charter::supervisor {
namespace {

constexpr int kFirstMs = 300;                 // for killed processes to be gone, at the start
constexpr std::chrono::seconds kDelay{3};     // an engine may still be ending the tree
constexpr std::chrono::seconds kLongest{30};  // between looks at what cannot be ended

}  // namespace

void GroupSweeper::start() { look(kFirstMs); }

void GroupSweeper::soon() {
  if (waits_ || !limits_.has_groups()) return;
  delay_ = kDelay;
  wait();
}

void GroupSweeper::look(int patience_ms) {
  std::map<std::string, int> left;
  for (std::string& group : limits_.sweep(patience_ms)) {
    const auto before = left_.find(group);
    const int looks = before == left_.end() ? 1 : before->second + 1;
    // What was found for the first time has only just been ended.
    if (looks == 2) {
      log::warning("The control group {} of a run that is over cannot be removed", group);
    }
    left.emplace(std::move(group), looks);
  }
  left_ = std::move(left);
  if (left_.empty()) return;
  delay_ = std::clamp(2 * delay_, kDelay, kLongest);
  wait();
}

void GroupSweeper::wait() {
  waits_ = true;
  timer_.expires_after(delay_);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    waits_ = false;
    look(0);
  });
}

}  // namespace charter::supervisor
