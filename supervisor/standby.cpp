#include "supervisor/standby.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <utility>

#include "ipc/peer.h"
#include "supervisor/log.h"

namespace charter::supervisor {
namespace {

constexpr std::chrono::seconds kIdle{50};
constexpr std::size_t kReady = 3;
// From a run's end until its worker is replaced: the run right behind it takes one that is there,
// and has the processors for itself.
constexpr std::chrono::milliseconds kPause{15};
// Of a run that waits for its worker; where the nursery has yet to import everything, perhaps from
// a disk that does not have it at hand.
constexpr std::chrono::seconds kPatience{5};
constexpr std::chrono::seconds kFirstPatience{30};

std::optional<std::array<ipc::UniqueFd, 2>> connected_pair() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return std::nullopt;
  }
  return std::array{ipc::UniqueFd(ends[0]), ipc::UniqueFd(ends[1])};
}

}  // namespace

Standby::Standby(boost::asio::any_io_executor executor, const WorkerProgram& worker,
                 const ipc::Layout& layout, Spawner& spawner)
    : executor_(std::move(executor)),
      worker_(worker),
      layout_(layout),
      spawner_(spawner),
      idle_(executor_),
      refill_(executor_),
      late_(executor_) {}

Standby::~Standby() { *alive_ = false; }

void Standby::warm() {
  if (nursery_) return refill();
  wanted_ = kReady;
  expect();
}

void Standby::expect() {
  if (nursery_ || coming_) return;
  auto ends = connected_pair();
  if (!ends) return;
  auto socket = std::make_shared<ipc::UniqueFd>(std::move((*ends)[0]));
  Spawner::Order order;
  order.spec.program = worker_.program.get();
  order.spec.arguments = {"charter-worker", "nursery"};
  order.spec.environment = &worker_.environment;
  order.spec.directory = layout_.root().c_str();
  // The places of journal and job are kept free for them.
  order.spec.descriptors = {worker_.null.get(), worker_.log.get(),  worker_.log.get(),
                            worker_.null.get(), worker_.null.get(), (*ends)[1].get()};
  order.owned.push_back(std::move((*ends)[1]));
  coming_ = true;
  spawner_.spawn(std::move(order),
                 [this, socket, alive = alive_](ipc::Result<SpawnedProcess> process) {
                   if (*alive) spawned(std::move(*socket), std::move(process));
                 });
}

void Standby::refill() {
  if (refilling_) return;
  refilling_ = true;
  refill_.expires_after(kPause);
  refill_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
    if (error || !*alive) return;
    refilling_ = false;
    ask(kReady + waiting_.size());
  });
}

void Standby::spawned(ipc::UniqueFd socket, ipc::Result<SpawnedProcess> process) {
  coming_ = false;
  if (!process) {
    log::warning("No worker stands by: {}", process.error().message());
    leave();
    return;
  }
  nursery_ = std::make_unique<Nursery>(executor_, std::move(socket));
  nursery_->process = std::make_unique<ProcessWatch>(executor_, std::move(process->pidfd),
                                                     process->pid, &spawner_.children(),
                                                     [this](std::optional<int>) { reaped(); });
  listen();
  stay();
  ask(std::max(waiting_.size(), wanted_));
}

// Sees that so many are there or will come.
void Standby::ask(std::size_t wanted) {
  while (nursery_ && ready_.size() + nursery_->asked.size() < wanted) {
    auto ends = connected_pair();
    if (!ends || !ipc::ask_for_worker(nursery_->socket.get(), (*ends)[1].get())) return;
    nursery_->asked.push_back(std::move((*ends)[0]));
  }
}

void Standby::listen() {
  nursery_->descriptor.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                                  [this, alive = alive_](const boost::system::error_code& error) {
                                    if (!error && *alive) answered();
                                  });
}

void Standby::answered() {
  if (!nursery_) return;
  auto worker = ipc::receive_worker(nursery_->socket.get());
  if (!worker || (*worker && nursery_->asked.empty())) {
    leave();
    return;
  }
  if (*worker) {
    nursery_->proven = true;
    ipc::UniqueFd socket = std::move(nursery_->asked.front());
    nursery_->asked.pop_front();
    came(std::move(socket), std::move(**worker));
  }
  if (nursery_) listen();
}

// The nursery is its parent; it is in our books for the time when that has left.
void Standby::came(ipc::UniqueFd socket, ipc::StandingWorker worker) {
  auto standing = std::make_unique<Worker>();
  standing->socket = std::move(socket);
  standing->process =
      std::make_unique<ProcessWatch>(executor_, std::move(worker.process), worker.pid,
                                     &spawner_.children(), [this](std::optional<int>) {
                                       // It was not what it should be, or somebody has ended it;
                                       // the nursery is made anew, then.
                                       leave();
                                     });
  ready_.push_back(std::move(standing));
  pay_out();
}

void Standby::hand_over(int journal, int job, Taken taken) {
  expect();
  if (!coming_ && !nursery_) return taken(std::nullopt);
  waiting_.push_back({journal, job, std::move(taken)});
  stay();
  if (ready_.empty()) grow_impatient();
  pay_out();
  ask(waiting_.size());
}

void Standby::grow_impatient() {
  late_.expires_after(nursery_ && nursery_->proven ? kPatience : kFirstPatience);
  late_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
    if (error || !*alive || waiting_.empty()) return;
    log::warning("The interpreter that makes workers does not answer");
    leave();
  });
}

// The run that has waited longest gets the worker that is there.
void Standby::pay_out() {
  if (ready_.empty() || waiting_.empty()) return;
  auto worker = std::move(ready_.front());
  ready_.pop_front();
  Waiting run = std::move(waiting_.front());
  waiting_.pop_front();
  if (waiting_.empty()) late_.cancel();
  if (!ipc::hand_run(worker->socket.get(), run.journal, run.job)) return run.taken(std::nullopt);
  SpawnedProcess guardian;
  guardian.pid = worker->process->pid();
  guardian.pidfd.reset(::fcntl(worker->process->pidfd(), F_DUPFD_CLOEXEC, 0));
  worker.reset();  // out of the books, before the run's own watch puts it there
  run.taken(std::move(guardian));
}

void Standby::stay() {
  idle_.expires_after(kIdle);
  idle_.async_wait([this, alive = alive_](const boost::system::error_code& error) {
    if (!error && *alive) leave();
  });
}

// Nursery and worker end when they hear that there is nobody any more. One that does not hear is
// ended; whoever waits begins by itself.
void Standby::leave() {
  idle_.cancel();
  refill_.cancel();
  refilling_ = false;
  late_.cancel();
  wanted_ = 1;
  ready_.clear();
  if (const auto nursery = std::exchange(nursery_, nullptr);
      nursery && !nursery->process->ended()) {
    (void)ipc::signal_process(nursery->process->pidfd(), SIGKILL);
    leaving_.push_back(std::move(nursery->process));
  }
  auto waiting = std::exchange(waiting_, {});
  for (Waiting& run : waiting) run.taken(std::nullopt);
}

void Standby::reaped() {
  std::erase_if(leaving_, [](const auto& process) { return process->ended(); });
  if (nursery_ && nursery_->process->ended()) leave();
}

}  // namespace charter::supervisor
