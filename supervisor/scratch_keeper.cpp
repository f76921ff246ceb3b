#include "supervisor/scratch_keeper.h"

#include <dirent.h>
#include <unistd.h>

#include <string_view>
#include <utility>

#include "ipc/job.h"
#include "supervisor/log.h"

namespace charter::supervisor {

ScratchKeeper::ScratchKeeper(boost::asio::any_io_executor executor, const WorkerProgram& worker,
                             const ipc::Layout& layout, Spawner& spawner)
    : executor_(std::move(executor)), worker_(worker), layout_(layout), spawner_(spawner) {}

void ScratchKeeper::finished(const std::string& run) {
  std::string directory = layout_.scratch(run);
  if (::access(directory.c_str(), F_OK) != 0) return;
  remove({std::move(directory)});
}

void ScratchKeeper::sweep(const std::vector<std::string>& kept) {
  const std::string base = layout_.scratch_base();
  std::unordered_set<std::string> needed;
  for (const std::string& run : kept) needed.insert(layout_.scratch(run));
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::opendir(base.c_str()), &::closedir);
  if (!listing) return;
  std::vector<std::string> old;
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string_view name(entry->d_name);
    std::string path = base + "/" + std::string(name);
    if (name != "." && name != ".." && !needed.contains(path)) old.push_back(std::move(path));
  }
  if (!old.empty()) remove(std::move(old));
}

// One at a time; what comes meanwhile is the next one's.
void ScratchKeeper::remove(std::vector<std::string> directories) {
  for (std::string& one : directories) waiting_.push_back(std::move(one));
  if (busy_ || waiting_.empty()) return;
  std::string paths;
  for (const std::string& one : std::exchange(waiting_, {})) paths += one + '\0';
  auto input = ipc::memory_file(paths);
  if (!input) return log::warning("Temporary directories stay: {}", input.error().message());
  busy_ = true;
  Spawner::Order order;
  order.spec.program = worker_.program.get();
  order.spec.arguments = {"charter-worker", "clear"};
  order.spec.environment = &worker_.environment;
  order.spec.directory = "/";
  order.spec.descriptors = {input->get(), worker_.log.get(), worker_.log.get()};
  order.owned.push_back(std::move(*input));
  const auto done = [this] {
    busy_ = false;
    remove({});
  };
  spawner_.spawn(std::move(order), [this, done, alive = alive_](ipc::Result<SpawnedProcess> made) {
    if (!*alive) return;
    if (!made) {
      log::warning("Temporary directories stay: {}", made.error().message());
      return done();
    }
    process_ =
        std::make_unique<ProcessWatch>(executor_, std::move(made->pidfd), made->pid,
                                       &spawner_.children(), [this, done](std::optional<int>) {
                                         process_.reset();
                                         done();
                                       });
  });
}

}  // namespace charter::supervisor
