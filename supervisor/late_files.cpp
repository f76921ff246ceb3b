#include "supervisor/late_files.h"

#include <sys/wait.h>

#include <algorithm>
#include <utility>

#include "supervisor/burst.h"
#include "supervisor/log.h"

namespace charter::supervisor {

LateFiles::LateFiles(const boost::asio::any_io_executor& executor, const WorkerProgram& worker,
                     const ipc::Layout& layout, const Registry& registry, Spawner& spawner,
                     Launcher::Settings settings, std::function<void(const RunPtr&)> written)
    : registry_(registry),
      launcher_(executor, worker, layout, spawner, no_sandbox_, std::move(settings),
                [this](const RunPtr& run, std::optional<int> status) {
                  run->burst.reset();
                  ended(status && WIFEXITED(*status) && WEXITSTATUS(*status) == 0);
                }),
      written_(std::move(written)),
      timer_(executor) {}

void LateFiles::expect(const RunPtr& run) {
  log::warning("The state file of run {} does not show its end: it is written later", run->id);
  due_.push_back(run);
  write_next();
}

void LateFiles::write_next() {
  if (writing_ != nullptr || timer_set_) return;
  // One that was forgotten needs none.
  while (!due_.empty() && registry_.find(due_.front()->id) != due_.front()) due_.pop_front();
  if (due_.empty()) return;
  const auto run = std::make_shared<Run>();
  run->id = due_.front()->id;
  run->project_root = due_.front()->project_root;
  run->started_burst = true;  // its journal holds what a worker has to know
  writing_ = run;
  LaunchOrder order;
  order.cause = Cause::project;
  launcher_.launch(run, order, [this](const std::optional<LaunchFault>& fault) {
    if (fault) ended(false);
  });
}

void LateFiles::ended(bool well) {
  writing_.reset();
  const RunPtr run = std::move(due_.front());
  due_.pop_front();
  if (well) {
    wait_ = kSoon;
    log::info("The state file of run {} shows its end", run->id);
    written_(run);
    return write_next();
  }
  due_.push_back(run);
  timer_set_ = true;
  timer_.expires_after(wait_);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    timer_set_ = false;
    write_next();
  });
  wait_ = std::min(2 * wait_, kLate);
}

}  // namespace charter::supervisor
