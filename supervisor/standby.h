// Workers before there are runs for them, with an interpreter ready: a run whose integrations are
// Python begins in milliseconds then. They come from the nursery (worker mode `nursery`), which
// has imported what Python integrations are made of and forks them. It is made for the first such
// run of the daemon's own project, whose worker is the first it forks, and leaves when there has
// been no other for a minute. Once a run has ended three workers wait, and others take their place
// when a run has ended, not while it begins. Runs wait for theirs; they begin by themselves where
// no nursery can be made.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "ipc/layout.h"
#include "ipc/standby.h"
#include "ipc/unique_fd.h"
#include "supervisor/clock.h"
#include "supervisor/process_watch.h"
#include "supervisor/spawner.h"
#include "supervisor/worker_program.h"

namespace charter::supervisor {

class Standby {
 public:
  // The process that is the run's guardian now; nothing when the run has to begin by itself.
  using Taken = std::function<void(std::optional<SpawnedProcess>)>;

  // All outlive this.
  Standby(boost::asio::any_io_executor executor, const WorkerProgram& worker,
          const ipc::Layout& layout, Spawner& spawner);
  ~Standby();
  Standby(const Standby&) = delete;
  Standby& operator=(const Standby&) = delete;

  // A run is coming: sees that there is a nursery, soon.
  void expect();
  // A run has ended: sees that workers wait for the next.
  void warm();
  // Hands a run over; calls `taken` at once or later, and not at all once this is destroyed. The
  // caller keeps both descriptors until then.
  void hand_over(int journal, int job, Taken taken);

 private:
  struct Waiting {
    int journal = -1;
    int job = -1;
    Taken taken;
  };
  struct Worker {
    ipc::UniqueFd socket;
    std::unique_ptr<ProcessWatch> process;
  };
  struct Nursery {
    ipc::UniqueFd socket;
    boost::asio::posix::stream_descriptor descriptor;  // lets go of socket before that is closed
    std::unique_ptr<ProcessWatch> process;
    std::deque<ipc::UniqueFd> asked;  // our ends of the sockets of workers to come
    bool proven = false;              // it has made one

    Nursery(boost::asio::any_io_executor executor, ipc::UniqueFd end)
        : socket(std::move(end)), descriptor(std::move(executor), socket.get()) {}
    ~Nursery() { descriptor.release(); }
    Nursery(const Nursery&) = delete;
    Nursery& operator=(const Nursery&) = delete;
  };

  void spawned(ipc::UniqueFd socket, ipc::Result<SpawnedProcess> process);
  void refill();
  void ask(std::size_t wanted);
  void listen();
  void answered();
  void came(ipc::UniqueFd socket, ipc::StandingWorker worker);
  void pay_out();
  void grow_impatient();
  void stay();
  void leave();
  void reaped();

  boost::asio::any_io_executor executor_;
  const WorkerProgram& worker_;
  const ipc::Layout& layout_;
  Spawner& spawner_;
  Timer idle_;
  Timer refill_;
  bool refilling_ = false;
  Timer late_;  // for whoever waits
  bool coming_ = false;
  std::size_t wanted_ = 1;  // of the nursery that is coming
  std::unique_ptr<Nursery> nursery_;
  // Its workers' parents until they have ended, so that nobody takes their runs for orphans.
  std::vector<std::unique_ptr<ProcessWatch>> leaving_;
  std::deque<std::unique_ptr<Worker>> ready_;
  std::deque<Waiting> waiting_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace charter::supervisor
