#include "supervisor/doorbell_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <utility>

#include "ipc/peer.h"
#include "supervisor/accept_pause.h"
#include "supervisor/burst.h"
#include "supervisor/log.h"

namespace charter::supervisor {
namespace {

constexpr std::size_t kPacketLimit = 4096;
using Wait = boost::asio::posix::stream_descriptor;

}  // namespace

// One engine's connection. Until its hello has been believed it is nobody's.
class DoorbellServer::Line : public std::enable_shared_from_this<Line> {
 public:
  Line(DoorbellServer& server, ipc::UniqueFd socket)
      : server_(server), socket_(std::move(socket)), descriptor_(server.executor_, socket_.get()) {}
  ~Line() {
    descriptor_.release();
    if (const auto burst = burst_.lock()) --burst->doorbell;
  }

  void readable() {
    bool rung = false;
    for (;;) {
      alignas(8) std::array<char, kPacketLimit> packet;
      const ssize_t got = ::recv(socket_.get(), packet.data(), packet.size(), MSG_DONTWAIT);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) break;
      const bool ended = got <= 0 || !packet_arrived({packet.data(), static_cast<size_t>(got)});
      if (ended) {
        if (rung) ring();
        return server_.closed(this);
      }
      rung = true;
    }
    // However many rings there were: the journal is read once, to its end.
    if (rung) ring();
    wait();
  }

 private:
  void wait() {
    descriptor_.async_wait(Wait::wait_read, [line = weak_from_this()](const auto& error) {
      const auto self = line.lock();
      if (!error && self) self->readable();
    });
  }

  void ring() {
    const RunPtr run = run_.lock();
    if (run != nullptr && run->burst != nullptr) server_.rung_(run);
  }

  bool packet_arrived(std::string_view packet) {
    if (said_hello_) return ipc::decode_ring(packet).has_value();
    const auto hello = ipc::decode_hello(packet);
    if (!hello) {
      log::warning("Refused a doorbell: {}", hello.error().message());
      return false;
    }
    return believe(*hello);
  }

  // A ring is only a hint to read a journal, so a hello whose secret went down with an earlier
  // supervisor is believed from a process of our own user.
  bool believe(const ipc::Hello& hello) {
    const RunPtr run = server_.registry_.find(hello.run_id);
    if (run == nullptr) return false;
    // A worker may be heard before its maker's thread has said that it was made.
    const auto& burst = run->launching != nullptr ? run->launching : run->burst;
    if (burst == nullptr) return false;
    const std::string& secret = burst->secret;
    if (!secret.empty() && secret != hello.secret) {
      log::warning("Refused a doorbell of run {}: it does not know the secret", run->id);
      return false;
    }
    said_hello_ = true;
    run_ = run;
    burst_ = burst;
    ++burst->doorbell;
    server_.hello_(run);
    return true;
  }

  DoorbellServer& server_;
  ipc::UniqueFd socket_;
  boost::asio::posix::stream_descriptor descriptor_;
  std::weak_ptr<Run> run_;
  std::weak_ptr<Burst> burst_;
  bool said_hello_ = false;
};

DoorbellServer::DoorbellServer(boost::asio::any_io_executor executor, const Registry& registry,
                               std::function<void(const RunPtr&)> hello,
                               std::function<void(const RunPtr&)> rung)
    : executor_(std::move(executor)),
      registry_(registry),
      hello_(std::move(hello)),
      rung_(std::move(rung)),
      descriptor_(executor_),
      pause_(executor_) {}

DoorbellServer::~DoorbellServer() {
  if (listener_) descriptor_.release();
}

void DoorbellServer::start(ipc::UniqueFd listener) {
  listener_ = std::move(listener);
  descriptor_.assign(listener_.get());
  wait();
}

void DoorbellServer::wait() {
  descriptor_.async_wait(Wait::wait_read, [this](const boost::system::error_code& error) {
    if (!error) accept_all();
  });
}

void DoorbellServer::accept_all() {
  for (;;) {
    ipc::UniqueFd socket(
        ::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
      return pause();
    }
    if (!socket) break;
    const auto peer = ipc::peer_of(socket.get());
    if (!peer || (peer->uid != ::geteuid() && peer->uid != 0)) continue;
    const auto line = std::make_shared<Line>(*this, std::move(socket));
    lines_.emplace(line.get(), line);
    line->readable();
  }
  wait();
}

// Out of descriptors: trying again at once would only spin.
void DoorbellServer::pause() {
  pause_.expires_after(kAcceptPause);
  pause_.async_wait([this](const boost::system::error_code& error) {
    if (!error) wait();
  });
}

void DoorbellServer::closed(Line* line) { lines_.erase(line); }

}  // namespace charter::supervisor
