#include "supervisor/standby.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <utility>

#include "ipc/standby.h"
#include "supervisor/log.h"

namespace charter::supervisor {
namespace {

constexpr std::chrono::seconds kIdle{50};

}  // namespace

Standby::Standby(boost::asio::any_io_executor executor, const WorkerProgram& worker,
                 const ipc::Layout& layout, Spawner& spawner)
    : executor_(std::move(executor)),
      worker_(worker),
      layout_(layout),
      spawner_(spawner),
      idle_(executor_) {}

void Standby::warm() {
  if (coming_ || process_) return;
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) return;
  auto socket = std::make_shared<ipc::UniqueFd>(ends[0]);
  ipc::UniqueFd other(ends[1]);
  Spawner::Order order;
  order.spec.program = worker_.program.get();
  order.spec.arguments = {"charter-worker", "standby"};
  order.spec.environment = &worker_.environment;
  order.spec.directory = layout_.root().c_str();
  // The places of journal and job are kept free for them.
  order.spec.descriptors = {worker_.null.get(), worker_.log.get(),  worker_.log.get(),
                            worker_.null.get(), worker_.null.get(), other.get()};
  order.owned.push_back(std::move(other));
  coming_ = true;
  spawner_.spawn(std::move(order),
                 [this, socket, alive = alive_](ipc::Result<SpawnedProcess> process) {
                   if (*alive) spawned(std::move(*socket), std::move(process));
                 });
}

void Standby::spawned(ipc::UniqueFd socket, ipc::Result<SpawnedProcess> process) {
  coming_ = false;
  if (!process) {
    log::warning("No worker stands by: {}", process.error().message());
    return;
  }
  socket_ = std::move(socket);
  process_ = std::make_unique<ProcessWatch>(executor_, std::move(process->pidfd), process->pid,
                                            &spawner_.children(), [this](std::optional<int>) {
                                              idle_.cancel();
                                              socket_.reset();
                                              process_.reset();
                                            });
  idle_.expires_after(kIdle);
  idle_.async_wait([this](const boost::system::error_code& error) {
    if (!error) leave();
  });
}

// It ends when it hears that there is nobody any more, and is reaped then.
void Standby::leave() { socket_.reset(); }

std::optional<SpawnedProcess> Standby::hand_over(int journal, int job) {
  if (!process_ || !socket_ || !ipc::hand_run(socket_.get(), journal, job)) {
    return std::nullopt;
  }
  SpawnedProcess guardian;
  guardian.pid = process_->pid();
  guardian.pidfd.reset(::fcntl(process_->pidfd(), F_DUPFD_CLOEXEC, 0));
  idle_.cancel();
  socket_.reset();
  process_.reset();
  return guardian;
}

}  // namespace charter::supervisor
