// The supervisor's parts without link and client sockets, on a project of their own, with a
// sparring worker (sparring_worker.h) in place of charter-worker.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "ipc/codec.h"
#include "ipc/doorbell.h"
#include "ipc/journal.h"
#include "ipc/log_segment.h"
#include "supervisor/commands.h"
#include "supervisor/conductor.h"
#include "supervisor/doorbell_server.h"
#include "supervisor/intake.h"
#include "supervisor/place.h"
#include "supervisor/recovery.h"

namespace charter::supervisor::tests {

inline constexpr std::chrono::seconds kPatience{20};

// One life of a supervisor.
class Life {
 public:
  explicit Life(const ipc::Layout& layout, std::size_t slots)
      : layout_(layout),
        worker_(sparring_program()),
        store_(LedgerStore::open(layout.ledger_dir(), *place_of(layout.ledger_dir()), opened_,
                                 [&layout] { return Recovery::journals_left(layout); })),
        spawner_(context_.get_executor(), children_),
        ledger_disk_(context_.get_executor()),
        disk_(context_.get_executor()),
        ledger_(context_.get_executor(), ledger_disk_, std::move(*store_)),
        registry_(layout),
        preparer_(context_.get_executor(), worker_, layout.root(), spawner_),
        tailer_(context_.get_executor(), disk_, layout.journals_mark(), tailer_hooks()),
        launcher_(context_.get_executor(), worker_, layout, spawner_, no_sandbox_,
                  {.doorbell = layout.data_dir() + "/bell",
                   .kill_grace = std::chrono::milliseconds(500),
                   .metrics = &metrics},
                  [this](const RunPtr& run, auto status) { conductor_.worker_ended(run, status); }),
        conductor_({context_.get_executor(), layout, ledger_, disk_, launcher_, tailer_, children_},
                   slots, conductor_hooks()),
        intake_(layout, ledger_, registry_, preparer_, no_sandbox_,
                [this](const RunPtr& run) { conductor_.enqueue(run); }),
        commands_(layout, ledger_, registry_, preparer_, intake_, conductor_, no_sandbox_),
        doorbells_(
            context_.get_executor(), registry_,
            [this](const RunPtr& run) { conductor_.hello(run); },
            [this](const RunPtr& run) { tailer_.read(run); }),
        recovery_(layout, registry_, "gateway") {
    intake_.continue_orders_from(opened_.state.next_order);
    commands_.continue_numbers_from(opened_.state.next_number);
    doorbells_.start(std::move(*ipc::listen_doorbell(layout.data_dir() + "/bell")));
    conductor_.set_holding(!opened_.holding.empty());
    const auto read = recovery_.read(std::move(opened_.state), !opened_.holding.empty());
    if (!read) throw std::runtime_error(read.error().message());
    recovery_.act(conductor_);
  }

  // Runs the loop until `condition` holds.
  [[nodiscard]] bool until(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      context_.run_one_for(std::chrono::milliseconds(50));
      context_.restart();
    }
    return true;
  }

  // Writes an accepted run down and hands it to the conductor, as the intake does.
  RunPtr accept(const std::string& id, const std::string& project_root = "") {
    ipc::Accepted accepted;
    accepted.run_id = id;
    accepted.order = next_order_++;
    accepted.workflow_id = "workflow";
    accepted.started_at = "2026-01-02T03:04:05Z";
    accepted.state = "{\"run_id\":\"" + id + "\"}";
    if (!project_root.empty()) {
      accepted.project_root = project_root;
      accepted.state = R"({"metadata":{"project_root":")" + project_root + R"("}})";
    }
    RunPtr run;
    ledger_.append({0, accepted}, [&](const ipc::Result<void>& written) {
      ASSERT_TRUE(written);
      run = registry_.add(id);
      run->order = accepted.order;
      run->workflow_id = accepted.workflow_id;
      run->started_at = accepted.started_at;
      run->state_bytes = accepted.state;
      run->project_root = accepted.project_root;
      conductor_.enqueue(run);
    });
    EXPECT_TRUE(until([&] { return run != nullptr; }));
    return run;
  }

  [[nodiscard]] bool reaches(const std::string& id, RunState state) {
    return until([&] {
      const RunPtr run = registry_.find(id);
      return run != nullptr && run->state == state;
    });
  }

  CommandRefusal approve(const std::string& id, const std::string& command_id = "") {
    return decide({id, true, std::nullopt, command_id, -1});
  }
  CommandRefusal decide(Commands::Decision decision) {
    bool answered = false;
    CommandRefusal result;
    commands_.decide(std::move(decision), [&](const CommandRefusal& refusal) {
      result = refusal;
      answered = true;
    });
    EXPECT_TRUE(until([&] { return answered; }));
    return result;
  }
  CommandRefusal cancel(const std::string& id) {
    bool answered = false;
    CommandRefusal result;
    commands_.cancel({id, "enough", "", -1, 500, false}, [&](const CommandRefusal& refusal) {
      result = refusal;
      answered = true;
    });
    EXPECT_TRUE(until([&] { return answered; }));
    return result;
  }
  // Everything noted is in the ledger's file.
  void flush() {
    bool drained = false;
    ledger_.drain([&] { drained = true; });
    EXPECT_TRUE(until([&] { return drained; }));
  }

  // What is executed as a worker from now on.
  void execute(const char* program) {
    const ipc::UniqueFd file(::open(program, O_RDONLY | O_CLOEXEC));
    ASSERT_GE(::dup3(file.get(), worker_.program.get(), O_CLOEXEC), 0);
  }

  RunPtr find(const std::string& id) { return registry_.find(id); }
  boost::asio::io_context& context() { return context_; }
  const WorkerProgram& worker() const { return worker_; }
  Spawner& spawner() { return spawner_; }
  Registry& registry() { return registry_; }
  Conductor& conductor() { return conductor_; }
  Ledger& ledger() { return ledger_; }
  SyncThread& disk() { return disk_; }
  Commands& commands() { return commands_; }
  Intake& intake() { return intake_; }
  Metrics metrics{.began_us = 1};
  // Ids in the order of the hook's calls.
  std::vector<std::string> announced;
  std::vector<std::string> finished;

 private:
  static WorkerProgram sparring_program() {
    WorkerProgram worker;
    worker.program.reset(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    worker.null.reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
    worker.log.reset(::open("/dev/null", O_RDWR | O_CLOEXEC));
    return worker;
  }
  Tailer::Hooks tailer_hooks() {
    return {[](const Run&) { return true; },
            [this](const RunPtr& run) { conductor_.frames_read(run); },
            [this](const RunPtr& run) { conductor_.durable(run); },
            [this](const RunPtr& run) { conductor_.sync_failed(run); },
            [this](const RunPtr& run, auto number) { conductor_.step_begun(run, number); }};
  }
  Conductor::Hooks conductor_hooks() {
    return {[this](const RunPtr& run) {
              announced.push_back(run->id + " " + std::string(name_of(run->wire)));
            },
            [](const RunPtr&) {},
            [this](const RunPtr& run) { finished.push_back(run->id); },
            {}};
  }

  boost::asio::io_context context_{1};
  const ipc::Layout& layout_;
  WorkerProgram worker_;
  LedgerStore::Opened opened_;
  ipc::Result<LedgerStore> store_;
  ChildTable children_;
  Spawner spawner_;
  SyncThread ledger_disk_;
  SyncThread disk_;
  Ledger ledger_;
  Registry registry_;
  const SandboxPolicy no_sandbox_;
  Preparer preparer_;
  Tailer tailer_;
  Launcher launcher_;
  Conductor conductor_;
  Intake intake_;
  Commands commands_;
  DoorbellServer doorbells_;
  Recovery recovery_;
  std::uint64_t next_order_ = opened_.state.next_order;
};

class PartsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string made = "/tmp/parts-XXXXXX";
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    layout_ = std::make_unique<ipc::Layout>(made);
    ASSERT_TRUE(layout_->create());
    begin();
  }
  void TearDown() override {
    life_.reset();
    std::filesystem::remove_all(layout_->root());
  }
  void begin(std::size_t slots = 4) {
    life_.reset();
    life_ = std::make_unique<Life>(*layout_, slots);
  }
  // The supervisor dies and comes back; workers and files stay.
  void restart(std::size_t slots = 4) {
    life_->flush();
    begin(slots);
  }

  // How many frames of this kind the run's journal has.
  template <class Body>
  std::size_t frames(const std::string& id) const {
    const auto file = ipc::open_journal(layout_->journal(id));
    std::size_t count = 0;
    ipc::LogReader reader(file->get());
    for (auto next = reader.next(); next->outcome == ipc::LogReader::Outcome::frame;
         next = reader.next()) {
      const auto frame = ipc::decode_journal_frame(next->payload);
      if (std::holds_alternative<Body>(frame->body)) ++count;
    }
    return count;
  }

  std::unique_ptr<ipc::Layout> layout_;
  std::unique_ptr<Life> life_;
};

}  // namespace charter::supervisor::tests
