#include "supervisor/spawner.h"

#include <memory>
#include <mutex>
#include <utility>

namespace charter::supervisor {
namespace {

class Job final : public DiskJob {
 public:
  Job(ChildTable& children, Spawner::Order order, Spawner::Done done)
      : children_(children), order_(std::move(order)), done_(std::move(done)) {}

  void work() override {
    {
      const std::lock_guard making(children_.making());
      process_ = supervisor::spawn(order_.spec);
      if (process_) children_.insert(process_->pid);
    }
    order_.owned.clear();
  }
  void done() override { done_(std::move(process_)); }

 private:
  ChildTable& children_;
  Spawner::Order order_;
  Spawner::Done done_;
  ipc::Result<SpawnedProcess> process_;
};

}  // namespace

void Spawner::spawn(Order order, Done done) {
  thread_.submit(std::make_unique<Job>(children_, std::move(order), std::move(done)));
}

}  // namespace charter::supervisor
