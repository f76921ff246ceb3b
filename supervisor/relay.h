// Between runs and the gateway link: decides what is sent next, keeps no event in memory, and
// moves cursors when the link says that something has arrived.
//
// Order on a connection: register; answers to commands; announcements; then events, run by run in
// turns of at most 64 KiB or 256 events. Runs that have events no gateway was ever sent come before
// runs that only repeat; within a run seq always ascends. All of this is so in both protocols: in
// JSON each event is a message, in Cap'n Proto a turn's frames are one, byte for byte as on disk.
// What runs print is told behind all that, a part of it at a time, and only when asked for. A
// journal that cannot be read is read again after a while, longer and longer while it stays so.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ipc/gateway_message.h"
#include "ipc/layout.h"
#include "supervisor/clock.h"
#include "supervisor/event_source.h"
#include "supervisor/gateway_load.h"
#include "supervisor/link/link.h"
#include "supervisor/link/messages.h"
#include "supervisor/registry.h"
#include "supervisor/run.h"
#include "supervisor/start_options.h"
#include "supervisor/verdict_cache.h"

namespace charter::supervisor {

class Relay final : public LinkClient {
 public:
  struct Settings {
    std::string worker_id;
    std::int64_t max_runs = 4;
    Replay replay = Replay::active;
    bool tells_output = true;  // what runs print, to a gateway that asks
  };
  struct Hooks {
    std::function<void()> wake;  // the link has something to fill
    // A message of the gateway; `held` as long as anything of it is under way.
    std::function<void(Inbound, const GatewayLoad::Held& held)> received;
    std::function<void(const RunPtr&)> confirmed;  // its delivery moved
    std::function<void()> up;                      // a connection stands
    std::function<void(std::uint64_t)> describe;   // to be answered by `described`
  };

  Relay(const boost::asio::any_io_executor& executor, Settings settings, const ipc::Layout& layout,
        const Registry& registry, Hooks hooks);

  // For the next registration.
  void set_max_runs(std::int64_t max_runs) { settings_.max_runs = max_runs; }
  // An announcement of the run is due.
  void announce(const RunPtr& run);
  // The run has durable events that were not sent yet.
  void events_ready(const RunPtr& run);
  // The connection is told of the run as a new one is: that it is there, and all that is not
  // confirmed.
  void tell_anew(const RunPtr& run);
  // An answer to a command. Dropped when no connection stands: the gateway asks again.
  void answer(CommandAnswer answer);

  // The answer to a question of the gateway's; dropped, too, when its connection does not stand.
  void described(std::uint64_t question, const Verdict& verdict);

  [[nodiscard]] bool up() const { return up_; }

  void link_up(WireProtocol protocol) override;
  void link_down(std::string_view reason) override;
  void fill(std::vector<std::string>& out, std::size_t max_bytes) override;
  void confirmed(std::uint64_t number) override;
  [[nodiscard]] std::uint64_t settled() const override;
  ipc::Result<void> received(std::string message) override;
  [[nodiscard]] bool crowded() const override { return commands_.full(); }
  std::string heartbeat() override;

 private:
  struct Mark {  // what a batch carries of one run
    RunPtr run;
    std::uint64_t seq;
    std::uint64_t offset;
  };
  struct Batch {
    std::uint64_t number;
    std::vector<Mark> marks;
    std::size_t acknowledged = 0;  // of the marks, from the first on
  };
  class Filling;

  [[nodiscard]] bool in_capnp() const { return protocol_ == WireProtocol::capnp; }
  [[nodiscard]] bool active(const Run& run) const;
  void begin(const RunPtr& run);
  void queue_announcement(const RunPtr& run);
  void rewind(const RunPtr& run);
  void enqueue(const RunPtr& run);
  void add_register(Filling& filling) const;
  void asked_to_describe(std::uint64_t question);
  void asked_for_output(ipc::wire::ReadOutput question);
  [[nodiscard]] std::string worded(const CommandAnswer& answer) const;
  void add_answers(Filling& filling);
  void add_output(Filling& filling);
  void add_announcements(Filling& filling);

  // relay_events.cpp: journals
  void add_events(Filling& filling, std::vector<Mark>& marks);
  struct Turn {
    std::size_t events = 0;
    bool failed = false;  // behind them the journal could not be read
  };
  Turn take_turn(const RunPtr& run, Filling& filling, std::vector<Mark>& marks);
  Turn add_messages(Run& run, EventSource& source, Filling& filling);
  Turn add_frames(Run& run, EventSource& source, Filling& filling);
  void read_later(const RunPtr& run);
  void read_again_at(BootClock::time_point due);
  void read_again();
  // relay.cpp
  void move_cursor(const Mark& mark);
  void acknowledged(const ipc::wire::Acks& acks);
  void settle_batches();

  Settings settings_;
  const ipc::Layout& layout_;
  const Registry& registry_;
  Hooks hooks_;
  bool up_ = false;
  WireProtocol protocol_ = WireProtocol::json;
  bool registered_ = false;
  std::uint64_t batch_number_ = 0;
  GatewayLoad commands_;  // under way
  GatewayLoad unsent_;    // of answers_
  std::deque<std::pair<CommandAnswer, GatewayLoad::Held>> answers_;
  std::vector<std::uint64_t> describing_;  // questions of this connection
  std::deque<std::pair<std::uint64_t, Verdict>> descriptions_;
  std::deque<ipc::wire::ReadOutput> output_questions_;
  std::deque<RunPtr> announcements_;
  std::deque<RunPtr> fresh_;    // have events that were never sent
  std::deque<RunPtr> repeats_;  // have only events that were
  std::deque<Batch> batches_;   // not confirmed yet
  // Whose journals could not be read, and when they are read again.
  std::map<std::weak_ptr<Run>, BootClock::time_point, std::owner_less<>> unread_;
  Timer unread_timer_;
  bool unread_timer_set_ = false;
};

}  // namespace charter::supervisor
