// One connection of a daemon: its messages go to the store in batches, and a ping of its is
// answered when everything before the ping is on disk. In charter.capnp.v1 events are acknowledged
// by their numbers then, too.
//
// While one batch is being committed the next one gathers, so a busy connection makes large
// transactions and a quiet one is answered at once.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "gateway/connection_count.h"
#include "gateway/daemon_message.h"
#include "gateway/daemon_socket.h"
#include "gateway/intake.h"
#include "gateway/protocol.h"
#include "gateway/wire_message.h"

namespace charter::gateway {

class DaemonSession;
class StoreThread;

// What a session tells the rest of the gateway.
class SessionWatcher {
 public:
  virtual ~SessionWatcher() = default;
  // The connection may be given commands: the daemon is known, and everything it said before it
  // answered our first ping is on disk.
  virtual void session_ready(DaemonSession& session) = 0;
  // Something of it has been committed.
  virtual void session_stored(DaemonSession& session, const Outcome& outcome) = 0;
  // The daemon has received all commands up to the one with this number.
  virtual void session_confirmed(DaemonSession& session, std::uint64_t command) = 0;
  // It takes no more commands.
  virtual void session_gone(DaemonSession& session) = 0;
  // The store refuses (with the reason) or takes again (without one).
  virtual void store_state(const std::string& trouble) = 0;
};

class DaemonSession : public DaemonSocketOwner, public std::enable_shared_from_this<DaemonSession> {
 public:
  // `watcher` and `store` outlive it.
  DaemonSession(const boost::asio::any_io_executor& loop, StoreThread& store,
                SessionWatcher& watcher, std::int64_t connection, std::string peer,
                Protocol protocol);

  // `place` is given back when the connection ends.
  void attach(std::shared_ptr<DaemonSocket> socket, ConnectionCount::Place place) {
    socket_ = std::move(socket);
    place_ = std::move(place);
  }

  [[nodiscard]] std::int64_t connection() const { return connection_; }
  [[nodiscard]] const std::string& worker_id() const { return worker_id_; }
  [[nodiscard]] const std::string& peer() const { return peer_; }
  [[nodiscard]] Protocol protocol() const { return protocol_; }
  [[nodiscard]] std::optional<std::int64_t> max_runs() const { return max_runs_; }
  [[nodiscard]] const Heartbeat& load() const { return load_; }
  [[nodiscard]] std::int64_t connected_us() const { return connected_us_; }
  [[nodiscard]] std::int64_t last_seen_us() const { return last_seen_us_; }
  [[nodiscard]] bool registered() const { return !worker_id_.empty(); }
  [[nodiscard]] bool ready() const { return ready_ && socket_ != nullptr; }
  // Places for runs that nobody has taken, as far as the last heartbeat and what was started
  // since tell.
  [[nodiscard]] std::int64_t free_places() const;

  // Sends a command; the number is the one session_confirmed() will name.
  std::uint64_t send_command(const CommandRow& command);
  // Asks which workflows the daemon's project has. `done` gets their JSON array or why there is
  // none, once, on the loop: within six seconds, or when the connection ends.
  using Described = std::function<void(ipc::Result<std::string>)>;
  void describe(Described done);
  // Whether the daemon answers read_output().
  [[nodiscard]] bool tells_output() const { return tells_output_; }
  // Asks for a part of what a run prints; `question` gets its id here. `done` as of describe().
  using Printed = std::function<void(ipc::Result<ipc::wire::Output>)>;
  void read_output(ipc::wire::ReadOutput question, Printed done);
  // Whether the daemon will answer a command of this kind.
  [[nodiscard]] bool answers(const CommandRow& command) const {
    return protocol_ == Protocol::capnp || command.answered();
  }
  // To be called every second: pings a silent connection, ends a dead one.
  void check();
  void close(CloseCode code, std::string_view reason);

  void opened() override;
  void received(std::string message) override;
  void moved() override;
  bool ping_received(std::string payload) override;
  void pong_received(std::string payload) override;
  void ended(const std::string& reason) override;

 private:
  struct HeldPong {
    std::uint64_t position;  // of the last message before the ping
    std::string payload;
  };

  void received_json(std::string text);
  void received_capnp(const std::string& bytes);
  void take(DaemonMessage message, std::size_t bytes);
  void dropped(const ipc::Error& error);
  // The sole answer to a question, or why there is none.
  using Answer = std::variant<ipc::wire::Described, ipc::wire::Output>;
  using Answered = std::function<void(ipc::Result<Answer>)>;
  template <class Question>
  void ask(Question question, Answered done);
  void answered(std::uint64_t question, Answer answer);
  void give_up_questions(std::int64_t asked_before_ms, const std::string& why);
  void keep(DaemonMessage message, std::size_t bytes);
  void flush();
  void submit();
  void acknowledge();
  void on_committed(const Outcome& outcome);
  void on_refused(const ipc::Error& error);
  void store_end();
  void release();
  void send_ping();

  StoreThread& store_;
  SessionWatcher& watcher_;
  std::shared_ptr<DaemonSocket> socket_;  // none after its end
  ConnectionCount::Place place_;
  const std::int64_t connection_;
  const std::string peer_;
  const Protocol protocol_;
  std::string worker_id_;
  std::optional<std::int64_t> max_runs_;
  bool tells_output_ = false;
  Heartbeat load_;
  std::int64_t started_since_heartbeat_ = 0;
  std::int64_t connected_us_;
  std::int64_t last_seen_us_;

  // Messages are counted: taken_ have been read, committed_ of them are on disk.
  std::uint64_t taken_ = 0;
  std::uint64_t committed_ = 0;
  Batch pending_;
  std::size_t pending_bytes_ = 0;
  std::shared_ptr<const Batch> in_flight_;
  using SeqByRun = std::map<std::string, std::uint64_t>;
  SeqByRun pending_acks_;  // due when what is pending is on disk
  SeqByRun due_acks_;      // likewise of what is in flight
  std::deque<HeldPong> held_;
  boost::asio::steady_timer retry_;
  bool waiting_to_retry_ = false;

  struct Pending {
    std::int64_t asked_ms;  // boot clock
    Answered done;
  };
  std::map<std::uint64_t, Pending> questions_;
  std::uint64_t last_question_ = 0;

  // Pings of ours carry the number of the last command before them.
  std::uint64_t commands_ = 0;
  std::optional<std::uint64_t> ready_at_;  // ready when committed_ has come here
  bool ready_ = false;
  std::int64_t moved_ms_;  // boot clock
  std::int64_t opened_ms_;
  bool asked_ = false;         // a ping is out because of silence
  std::uint64_t dropped_ = 0;  // messages that could not be read
};

}  // namespace charter::gateway
