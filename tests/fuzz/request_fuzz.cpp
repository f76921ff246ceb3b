// What a client sends on the daemon's socket, any bytes in any pieces: a whole line is answered by
// lines of JSON and the end of the connection, and what is asked of the daemon's other parts is
// what they are promised. Those parts, which start processes and write files, are played by this
// file.
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "check.h"
#include "ipc/json_scan.h"
#include "supervisor/log.h"
#include "supervisor/requests.h"

namespace charter::supervisor {
namespace {

constexpr ipc::JsonLimits kPythons{std::size_t{1} << 30, 1000, true};

// The parts that are never reached.
template <class Part>
Part& nobody() {
  alignas(Part) static std::byte place[sizeof(Part)];
  return *reinterpret_cast<Part*>(place);
}

CommandRefusal some_answer(std::string_view run_id) {
  if (run_id.size() % 2 == 0) return std::nullopt;
  return Refusal{"unknown_run", "No run like this"};
}

}  // namespace

Intake::Intake(const ipc::Layout& layout, Ledger& ledger, Registry& registry, Preparer& preparer,
               const SandboxPolicy& sandbox, std::function<void(const RunPtr&)> accepted)
    : layout_(layout),
      ledger_(ledger),
      registry_(registry),
      preparer_(preparer),
      sandbox_(sandbox),
      accepted_(std::move(accepted)) {}

void Intake::take(Order order, Done done) {
  const ipc::PrepareRequest& question = order.question;
  CHARTER_CHECK(question.kind != ipc::PrepareRequest::Kind::input);
  CHARTER_CHECK(ipc::scan_object(question.variables, kPythons));
  CHARTER_CHECK(ipc::scan_object(question.capabilities, kPythons));
  CHARTER_CHECK(!question.has_snapshot || ipc::scan_object(question.snapshot, kPythons));
  CHARTER_CHECK(!order.command_id);
  if (order.run_id.size() % 2 == 0) {
    const auto run = std::make_shared<Run>();
    run->id = order.run_id;
    return done({run, std::nullopt});
  }
  done({nullptr, Refusal{"invalid_run_id", order.run_id}});
}

void Commands::decide(Decision decision, Done done) { done(some_answer(decision.run_id)); }
void Commands::cancel(Cancellation cancellation, Done done) {
  CHARTER_CHECK(cancellation.by_client);
  done(some_answer(cancellation.run_id));
}
void Commands::submit(Submission submission, Done done) {
  CHARTER_CHECK(ipc::scan_object(submission.input, kPythons));
  done(some_answer(submission.run_id));
}

std::string random_uuid() { return "00000000-0000-4000-8000-000000000000"; }

namespace {

class Daemon {
 public:
  Daemon()
      : layout_(make_directory()),
        registry_(layout_),
        intake_(layout_, nobody<Ledger>(), registry_, nobody<Preparer>(), sandbox_, {}),
        commands_(layout_, nobody<Ledger>(), registry_, nobody<Preparer>(), intake_,
                  nobody<Conductor>(), sandbox_),
        requests_({"fuzz", std::chrono::seconds(1)}, layout_, registry_, intake_, commands_,
                  hooks()) {
    log::setup("error");
    // One that waits, for those who ask about it.
    const RunPtr run = registry_.add("r1");
    run->state = RunState::paused;
    run->wire = WireStatus::paused;
    run->waits_at = PauseKind::gate;
  }

  void serve(std::string_view bytes) {
    if (bytes.empty()) return;
    const std::size_t piece = static_cast<unsigned char>(bytes.front()) + std::size_t{1};
    bytes.remove_prefix(1);
    int ends[2];
    CHARTER_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    const ipc::UniqueFd client(ends[1]);
    bool closed = false;
    auto session = std::make_shared<ControlSession>(
        context_.get_executor(), ipc::UniqueFd(ends[0]), 0, limits_, budget_,
        [this](const SessionPtr& one, std::string line) { requests_.handle(one, line); },
        [&closed](ControlSession*) { closed = true; });
    session->start();
    std::string answer;
    while (!bytes.empty() && !closed) {
      const auto part = bytes.substr(0, piece);
      const ssize_t sent = ::send(client.get(), part.data(), part.size(), MSG_NOSIGNAL);
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
      turn();
      receive(client, answer);
    }
    ::shutdown(client.get(), SHUT_WR);
    for (int round = 0; round < 4; ++round) {
      turn();
      receive(client, answer);
    }
    session->close();
    session.reset();
    turn();
    receive(client, answer);
    check(answer);
    CHARTER_CHECK(closed);
    CHARTER_CHECK(budget_.used() == 0);
  }

 private:
  static std::string make_directory() {
    std::string path = "/tmp/charter-fuzz-XXXXXX";
    CHARTER_CHECK(::mkdtemp(path.data()) != nullptr);
    return path;
  }

  static Requests::Hooks hooks() {
    Requests::Hooks hooks;
    hooks.daemon_view = [] { return std::string("{}"); };
    hooks.stop = [](bool, const std::function<void()>& answered) { answered(); };
    hooks.adopt = [](const std::function<void(const CommandRefusal&)>& done) { done({}); };
    hooks.forget = [](const Forgetting::Order& order, const Forgetting::Done& done) {
      done(some_answer(order.run_id));
    };
    hooks.watched = [](const RunPtr&) {};
    hooks.drain = [](bool) {};
    hooks.take_drain_back = [] { return true; };
    hooks.reload = []() -> ipc::Result<std::string> { return R"({"ok":true})"; };
    return hooks;
  }

  void turn() {
    context_.restart();
    context_.poll();
  }

  static void receive(const ipc::UniqueFd& client, std::string& answer) {
    char buffer[4096];
    for (ssize_t got = 0; (got = ::recv(client.get(), buffer, sizeof buffer, 0)) > 0;) {
      answer.append(buffer, static_cast<std::size_t>(got));
    }
  }

  // Whole lines, each an object that says whether it went well, but for what follows of a run.
  static void check(std::string_view answer) {
    while (!answer.empty()) {
      const std::size_t end = answer.find('\n');
      CHARTER_CHECK(end != std::string_view::npos);
      ipc::JsonLimits limits;
      limits.max_bytes = end;
      CHARTER_CHECK(ipc::scan_object(answer.substr(0, end), limits));
      answer.remove_prefix(end + 1);
    }
  }

  boost::asio::io_context context_{1};
  ControlSession::Limits limits_{.max_request_bytes = 4096};
  RequestBudget budget_{6000};
  ipc::Layout layout_;
  Registry registry_;
  SandboxPolicy sandbox_;
  Intake intake_;
  Commands commands_;
  Requests requests_;
};

}  // namespace
}  // namespace charter::supervisor

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static auto* daemon = new charter::supervisor::Daemon();
  daemon->serve({reinterpret_cast<const char*>(bytes), size});
  return 0;
}
