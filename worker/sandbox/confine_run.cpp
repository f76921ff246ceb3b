#include "worker/sandbox/confine_run.h"

#include <utility>

#include "worker/sandbox/confinement.h"
#include "worker/sandbox/scratch.h"

namespace charter::worker {
namespace {

ipc::Result<void> confine(const ipc::Job& job, const ipc::Layout& layout) {
  if (auto made = layout.create_scratch_base(); !made) return made;
  Confinement::Order order{
      job.sandbox, layout.root(), layout.scratch(job.run_id), {layout.data_dir()}};
  if (auto made = make_scratch(order.tmp); !made) return made;
  auto confinement = Confinement::make(order);
  if (!confinement) return confinement.error();
  auto bound = confinement->bind_caller();
  confine_children(std::move(*confinement));
  return bound;
}

}  // namespace

ipc::Result<void> confine_run(const ipc::Job& job, const ipc::Layout& layout) {
  if (job.sandbox.level == 0) return {};
  auto confined = confine(job, layout);
  if (confined) return {};
  return ipc::plain_error("the run's sandbox cannot be made: " + confined.error().message());
}

}  // namespace charter::worker
