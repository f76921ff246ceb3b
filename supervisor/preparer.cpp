#include "supervisor/preparer.h"

#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>
#include <utility>

#include "ipc/job.h"
#include "ipc/journal.h"
#include "ipc/peer.h"
#include "supervisor/clock.h"
#include "supervisor/log.h"
#include "supervisor/process_watch.h"

namespace charter::supervisor {
namespace {

constexpr std::size_t kCacheBytes = 2U << 20;
constexpr std::chrono::seconds kTimeout{30};

std::size_t parallel_workers() { return std::max(2U, std::thread::hardware_concurrency()); }

Verdict refusal(std::string message) {
  auto reply = std::make_shared<ipc::PrepareReply>();
  reply->code = "internal_error";
  reply->message = std::move(message);
  return reply;
}

// Nothing else that is answered grows that large. It is JSON in ASCII.
std::string too_large() {
  return fmt::format(
      "variables, snapshot and outputs are too large: the run's first state would take more than "
      "{} MiB",
      ipc::kMostStateOfBurst >> 20U);
}

}  // namespace

// One worker being asked. Ends with answered(), exactly once, when its output has ended.
class Preparer::Inquiry : public std::enable_shared_from_this<Inquiry> {
 public:
  Inquiry(Preparer& preparer, const std::string& key)
      : preparer_(preparer), key_(key), output_(preparer.executor_), timer_(preparer.executor_) {}

  ~Inquiry() {
    if (watch_ && !watch_->ended()) {
      (void)ipc::signal_process(watch_->pidfd(), SIGKILL);
    }
  }

  void start() {
    auto question = ipc::memory_file(key_);
    if (!question) return finish(refusal(question.error().message()));
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return finish(refusal(ipc::errno_error("pipe").message()));
    ipc::UniqueFd reading(ends[0]);
    ipc::UniqueFd writing(ends[1]);
    ::fcntl(reading.get(), F_SETFL, O_NONBLOCK);
    Spawner::Order order;
    order.spec.program = preparer_.worker_.program.get();
    order.spec.arguments = {"charter-worker", "prepare"};
    order.spec.environment = &preparer_.worker_.environment;
    order.spec.directory = preparer_.project_root_.c_str();
    order.spec.descriptors = {question->get(), writing.get(), preparer_.worker_.log.get()};
    order.owned.push_back(std::move(*question));
    order.owned.push_back(std::move(writing));
    output_.assign(reading.release());
    preparer_.spawner_.spawn(std::move(order),
                             [self = weak_from_this(), &children = preparer_.spawner_.children()](
                                 ipc::Result<SpawnedProcess> process) {
                               if (const auto inquiry = self.lock())
                                 return inquiry->spawned(std::move(process));
                               if (!process) return;
                               (void)ipc::signal_process(process->pidfd.get(), SIGKILL);
                               children.erase(process->pid);  // whoever looks for orphans reaps it
                             });
    timer_.expires_after(kTimeout);
    timer_.async_wait([self = weak_from_this()](const boost::system::error_code& error) {
      const auto inquiry = self.lock();
      if (!error && inquiry) inquiry->too_late();
    });
    wait();
  }

 private:
  // Where the project was moved the daemon goes on in the old place.
  [[nodiscard]] std::string told(const ipc::Error& error) const {
    if (error.what != kEnterDirectory) return error.message();
    return error.message() + " (" + preparer_.project_root_ +
           "; where it was moved, stop this daemon and start one there)";
  }

  void spawned(ipc::Result<SpawnedProcess> process) {
    if (!process) return finish(refusal(told(process.error())));
    watch_ = std::make_unique<ProcessWatch>(preparer_.executor_, std::move(process->pidfd),
                                            process->pid, &preparer_.spawner_.children(),
                                            [this](std::optional<int> status) { ended(status); });
  }

  void wait() {
    output_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [self = weak_from_this()](const boost::system::error_code& error) {
                         const auto inquiry = self.lock();
                         if (!error && inquiry) inquiry->readable();
                       });
  }

  void readable() {
    char buffer[16384];
    for (;;) {
      const ssize_t got = ::read(output_.native_handle(), buffer, sizeof buffer);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return wait();
      if (got <= 0) break;
      reply_.append(buffer, static_cast<std::size_t>(got));
      if (reply_.size() > ipc::kMostStateOfBurst) return finish(refusal(too_large()));
    }
    closed_ = true;
    conclude();
  }

  void ended(std::optional<int> status) {
    status_ = status.value_or(0);
    conclude();
  }

  // The output has been read to its end and the exit status is known.
  void conclude() {
    if (!closed_ || !status_) return;
    if (*status_ != 0) {
      return finish(
          refusal("preparing the run failed: worker ended with " + describe_exit(*status_)));
    }
    auto decoded = ipc::decode_prepare_reply(reply_);
    if (!decoded) return finish(refusal(decoded.error().message()));
    finish(std::make_shared<const ipc::PrepareReply>(std::move(*decoded)));
  }

  void too_late() {
    log::warning("A worker did not answer within {} s and was ended", kTimeout.count());
    finish(refusal("preparing the run took too long"));
  }

  void finish(Verdict verdict) {
    if (std::exchange(finished_, true)) return;
    preparer_.answered(key_, std::move(verdict));  // destroys this
  }

  Preparer& preparer_;
  const std::string& key_;
  boost::asio::posix::stream_descriptor output_;
  Timer timer_;
  std::unique_ptr<ProcessWatch> watch_;
  std::string reply_;
  std::optional<int> status_;
  bool closed_ = false;
  bool finished_ = false;
};

Preparer::Preparer(boost::asio::any_io_executor executor, const WorkerProgram& worker,
                   const std::string& project_root, Spawner& spawner)
    : executor_(std::move(executor)),
      worker_(worker),
      project_root_(project_root),
      spawner_(spawner),
      cache_(kCacheBytes) {}

Preparer::~Preparer() = default;

void Preparer::prepare(ipc::PrepareRequest request, Done done) {
  request.run_id.clear();
  request.project_root = project_root_;
  std::string key = ipc::encode(request);
  if (const Verdict known = cache_.find(key)) return done(known);
  auto [waiting, fresh] = waiting_.try_emplace(std::move(key));
  waiting->second.push_back(std::move(done));
  if (!fresh) return;
  questions_.push_back(&waiting->first);
  start_next();
}

void Preparer::start_next() {
  while (!questions_.empty() && inquiries_.size() < parallel_workers()) {
    const std::string& key = *questions_.front();
    questions_.pop_front();
    const auto inquiry = std::make_shared<Inquiry>(*this, key);
    inquiries_.emplace(&key, inquiry);
    inquiry->start();
  }
}

void Preparer::answered(const std::string& key, Verdict verdict) {
  const auto inquiry = inquiries_.extract(&key);  // kept until this function ends
  const auto waiting = waiting_.extract(key);
  if (verdict->ok) cache_.keep(waiting.key(), verdict, ipc::now_us() * 1000);
  if (!waiting.empty()) {
    for (const Done& done : waiting.mapped()) done(verdict);
  }
  start_next();
}

}  // namespace charter::supervisor
