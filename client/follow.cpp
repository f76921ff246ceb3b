#include "client/follow.h"

#include <poll.h>

#include <algorithm>
#include <vector>

#include "ipc/peer.h"

namespace charter::client {
namespace {

constexpr std::int64_t kBetweenTriesMs = 100;
constexpr Deadline kNow = 0;

bool went_away(const ipc::Error& error) {
  return nobody_listens(error) || error.code == std::errc::connection_reset ||
         error.code == std::errc::timed_out;
}

Failure bad_answer(const ipc::Error& error) {
  return {kExitOther, "The daemon's answer: " + error.message()};
}

}  // namespace

Failure did_not_come_back() {
  return {kExitNoDaemon,
          "The daemon did not come back within " + std::to_string(kReconnectMs / 1000) + " s."};
}

void Follower::take(const EventView& event) {
  if (event.seq < next_) return;
  next_ = event.seq + 1;
  if (event.kind == "RunCompleteEvent") end_ = {"completed", {}};
  if (event.kind == "RunFailedEvent") end_ = {"failed", event.event.text("error")};
  if (event.kind == "RunCancelledEvent") end_ = {"cancelled", event.event.text("note")};
  take_(event);
}

Expected<Follower::Pass> Follower::lost_by(const ipc::Error& error) {
  lost_ = failure_of(error, target_);
  if (went_away(error)) return Pass::lost;
  return lost_;
}

Expected<Follower::Pass> Follower::connect(bool follow) {
  const Deadline deadline = in_ms(kAnswerMs);
  auto connection = Connection::open(target_.socket, deadline);
  if (!connection) return lost_by(connection.error());
  auto request = Request("events");
  request.text("run_id", run_id_).number("from", next_).truth("follow", follow);
  if (auto sent = connection->send(request.line(), deadline); !sent) return lost_by(sent.error());
  connection_ = std::move(*connection);
  away_ = false;
  return Pass::waiting;
}

Expected<Follower::Pass> Follower::last_line(std::string_view line, std::string_view code) {
  const auto answer = read_answer(line);
  if (answer) {
    ended_how_ = answer->text("end");
    return Pass::finished;
  }
  lost_ = answer.error();
  if (code == "shutting_down") return Pass::lost;
  return lost_;
}

// Hands over events until the last line of the answer, which alone has "ok".
Expected<Follower::Pass> Follower::read_lines(Deadline deadline) {
  while (true) {
    const auto line = connection_->line(deadline);
    if (!line && deadline == kNow && line.error().code == std::errc::timed_out) {
      return Pass::waiting;
    }
    if (!line) return lost_by(line.error());
    const auto fields = Fields::read(*line);
    if (!fields) return bad_answer(fields.error());
    known_ = true;
    if (fields->has("ok")) return last_line(*line, fields->text("code"));
    const auto event = view_event(*line);
    if (!event) return bad_answer(event.error());
    take(*event);
  }
}

// The end was told by an event before `from`: the daemon knows how it was.
Expected<bool> Follower::learn_end() {
  if (!end_.status.empty()) return true;
  const auto answer = ask(target_, Request("status").text("run_id", run_id_), in_ms(kAnswerMs));
  if (!answer) return answer.error();
  const Fields run = answer->object("run");
  end_ = {run.text("status"), run.text("error")};
  return true;
}

Expected<RunEnd> Follower::read() {
  auto pass = connect(false);
  if (pass && *pass == Pass::waiting) pass = read_lines(kNever);
  connection_.reset();
  if (!pass) return pass.error();
  if (*pass == Pass::lost) return lost_;
  if (ended_how_ != "terminal") return end_;
  if (auto known = learn_end(); !known) return known.error();
  return end_;
}

// The time a daemon has to come back begins anew with each connection that is lost.
Expected<bool> Follower::lost() {
  const bool had_one = connection_.has_value();
  connection_.reset();
  if (!known_) return lost_;
  if (!end_.status.empty()) return true;
  if (had_one || give_up_ == 0) give_up_ = in_ms(kReconnectMs);
  if (!had_one) {
    away_ = true;
    if (ipc::boot_ms() >= give_up_) {
      return did_not_come_back();
    }
  }
  next_try_ = in_ms(kBetweenTriesMs);
  return false;
}

Expected<bool> Follower::advance() {
  if (!connection_) {
    if (ipc::boot_ms() < next_try_) return false;
    const auto connected = connect(true);
    if (!connected) return connected.error();
    if (*connected == Pass::lost) return lost();
  }
  const auto pass = read_lines(kNow);
  if (!pass) return pass.error();
  if (*pass == Pass::waiting) return false;
  if (*pass == Pass::lost || ended_how_ != "terminal") return lost();
  connection_.reset();
  return learn_end();
}

Expected<RunEnd> Follower::follow() {
  Outage outage;
  const Follower* const self = this;
  while (true) {
    const auto over = advance();
    if (!over) return over.error();
    if (*over || !printed()) return end_;
    outage.tell(away_);
    wait_for_any({&self, 1}, kNever);
  }
}

void Outage::tell(bool away) {
  if (away && !told_) {
    client::tell("The daemon is gone; waiting up to " + std::to_string(kReconnectMs / 1000) +
                 " s for it to come back. The run goes on meanwhile.");
  }
  told_ = away;
}

void wait_for_any(std::span<const Follower* const> followers, Deadline deadline) {
  std::vector<pollfd> ready;
  for (const Follower* one : followers) {
    deadline = std::min(deadline, one->due());
    if (one->descriptor() >= 0) ready.push_back({one->descriptor(), POLLIN, 0});
  }
  (void)::poll(ready.data(), ready.size(), timeout_of(deadline));
}

}  // namespace charter::client
