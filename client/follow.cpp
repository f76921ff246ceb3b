#include "client/follow.h"

#include <ctime>

#include "ipc/peer.h"

namespace charter::client {
namespace {

constexpr timespec kBetweenTries{.tv_sec = 0, .tv_nsec = 100'000'000};

bool away(const ipc::Error& error) {
  return nobody_listens(error) || error.code == std::errc::connection_reset ||
         error.code == std::errc::timed_out;
}

}  // namespace

void Follower::take(const EventView& event) {
  if (event.seq < next_) return;
  next_ = event.seq + 1;
  if (event.kind == "RunCompleteEvent") end_ = {"completed", {}};
  if (event.kind == "RunFailedEvent") end_ = {"failed", event.event.text("error")};
  if (event.kind == "RunCancelledEvent") end_ = {"cancelled", event.event.text("note")};
  take_(event);
}

// Hands over events until the last line of the answer, which alone has "ok".
Expected<Follower::Pass> Follower::read_lines(Connection& connection) {
  while (true) {
    const auto line = connection.line(kNever);
    if (!line) {
      lost_ = failure_of(line.error(), target_);
      if (away(line.error())) return Pass::lost;
      return lost_;
    }
    const auto fields = Fields::read(*line);
    if (!fields) return Failure{kExitOther, "The daemon's answer: " + fields.error().message()};
    answered_ = true;
    if (fields->has("ok")) {
      const auto answer = read_answer(*line);
      if (answer) {
        ended_how_ = answer->text("end");
        return Pass::finished;
      }
      lost_ = answer.error();
      if (fields->text("code") == "shutting_down") return Pass::lost;
      return lost_;
    }
    const auto event = view_event(*line);
    if (!event) return Failure{kExitOther, "The daemon's answer: " + event.error().message()};
    take(*event);
  }
}

Expected<Follower::Pass> Follower::one_pass(bool follow) {
  connected_ = answered_ = false;
  const Deadline deadline = in_ms(kAnswerMs);
  auto connection = Connection::open(target_.socket, deadline);
  auto request = Request("events");
  request.text("run_id", run_id_).number("from", next_).truth("follow", follow);
  const auto sent = connection ? connection->send(request.line(), deadline)
                               : ipc::Result<void>(connection.error());
  if (sent) {
    connected_ = true;
    return read_lines(*connection);
  }
  lost_ = failure_of(sent.error(), target_);
  if (away(sent.error())) return Pass::lost;
  return lost_;
}

// The end was told by an event before `from`: the daemon knows how it was.
Expected<RunEnd> Follower::end_of_run() {
  if (!end_.status.empty()) return end_;
  const auto answer = ask(target_, Request("status").text("run_id", run_id_), in_ms(kAnswerMs));
  if (!answer) return answer.error();
  const Fields run = answer->object("run");
  return RunEnd{run.text("status"), run.text("error")};
}

Expected<RunEnd> Follower::read() {
  const auto pass = one_pass(false);
  if (!pass) return pass.error();
  if (*pass == Pass::lost) return lost_;
  if (ended_how_ == "terminal") return end_of_run();
  return end_;
}

Expected<RunEnd> Follower::follow(bool known) {
  Deadline give_up = in_ms(kReconnectMs);
  bool told = false;
  while (true) {
    const auto pass = one_pass(true);
    if (!pass) return pass.error();
    if (answered_) known = true;
    if (*pass == Pass::finished && ended_how_ == "terminal") return end_of_run();
    if (!known) return lost_;
    if (!end_.status.empty()) return end_;
    if (connected_) {
      give_up = in_ms(kReconnectMs);
      told = false;
    } else if (ipc::boot_ms() >= give_up) {
      return Failure{kExitNoDaemon, "The daemon did not come back within " +
                                        std::to_string(kReconnectMs / 1000) + " s."};
    } else if (!told) {
      tell("The daemon is gone; waiting up to " + std::to_string(kReconnectMs / 1000) +
           " s for it to come back. The run goes on meanwhile.");
      told = true;
    }
    ::nanosleep(&kBetweenTries, nullptr);
  }
}

}  // namespace charter::client
