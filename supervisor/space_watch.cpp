#include "supervisor/space_watch.h"

#include <spdlog/fmt/fmt.h>

#include <chrono>
#include <utility>

#include "supervisor/log.h"

namespace charter::supervisor {
namespace {

constexpr std::chrono::milliseconds kEase{1000};
constexpr std::chrono::milliseconds kAlert{100};
constexpr std::uint64_t kPlenty = 64U << 20;  // as much cannot be gone before the next look

double mebibytes(std::uint64_t bytes) { return static_cast<double>(bytes) / (1U << 20); }

}  // namespace

SpaceWatch::SpaceWatch(boost::asio::any_io_executor executor, SyncThread& disk,
                       std::shared_ptr<Reserve> reserve, std::function<void()> changed)
    : disk_(disk),
      reserve_(std::move(reserve)),
      changed_(std::move(changed)),
      timer_(std::move(executor)) {}

void SpaceWatch::start() {
  (void)look();
  arm();
}

bool SpaceWatch::look() {
  seen(reserve_->look());
  return is_short();
}

void SpaceWatch::arm() {
  timer_.expires_after(space_.free < kPlenty ? kAlert : kEase);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    auto space = std::make_shared<Reserve::Space>();
    disk_.run([space, reserve = reserve_] { *space = reserve->look(); },
              [this, space] {
                seen(*space);
                arm();
              });
  });
}

void SpaceWatch::seen(const Reserve::Space& space) {
  const bool was_short = is_short();
  const bool was_used_up = space_.used_up;
  space_ = space;
  if (space_.used_up && !was_used_up) log::error("The disk is full: {}", trouble());
  if (is_short() == was_short) return;
  if (is_short()) {
    log::warning("No run is taken on or begun: {}", trouble());
  } else {
    log::info("There is space again: {:.1f} MiB are free", mebibytes(space_.free));
  }
  changed_();
}

std::string SpaceWatch::trouble() const {
  if (!is_short()) return {};
  const std::string free = fmt::format("{:.1f} MiB are free", mebibytes(space_.free));
  return space_.used_up ? free + ", the space kept for last words is used up" : free;
}

}  // namespace charter::supervisor
