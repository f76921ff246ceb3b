// A relay on real journals, driven as a link drives it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

#include "ipc/journal.h"
#include "ipc/json_scan.h"
#include "supervisor/relay.h"
#include "supervisor/tailer.h"

namespace charter::supervisor {

inline constexpr std::size_t kPlenty = 64U << 20;

class RelayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string made = "/tmp/relay-XXXXXX";
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    layout_.emplace(made);
    ASSERT_TRUE(layout_->create());
    registry_.emplace(*layout_);
    make_relay(Replay::active);
  }
  void TearDown() override { std::filesystem::remove_all(layout_->root()); }

  void make_relay(Replay replay, bool tells_output = true) {
    Relay::Hooks hooks;
    hooks.wake = [this] { ++wakes_; };
    hooks.received = [this](Inbound message, const GatewayLoad::Held& held) {
      received_.push_back(std::move(message));
      held_.push_back(held);
    };
    hooks.confirmed = [this](const RunPtr& run) {
      confirmed_[run->id] = run->delivery.confirmed_seq;
    };
    hooks.up = [] {};
    hooks.describe = [this](std::uint64_t question) { questions_.push_back(question); };
    relay_.emplace(context_.get_executor(), Relay::Settings{"worker", 4, replay, tells_output},
                   *layout_, *registry_, std::move(hooks));
  }

  RunPtr add_run(const std::string& id) {
    const RunPtr run = registry_->add(id);
    run->order = ++order_;
    run->started_at = "2026-01-02T03:04:05Z";
    run->workflow_path = "/w/plan.yml";
    run->delivery.visible = true;
    run->state = RunState::executing;
    EXPECT_TRUE(ipc::create_journal(layout_->journal(id)));
    return run;
  }

  // Appends events to the run's journal and reads them as the tailer does.
  void write(const RunPtr& run, std::vector<std::string> kinds, std::size_t padding = 0) {
    auto file = ipc::open_journal(layout_->journal(run->id));
    ASSERT_TRUE(file);
    auto journal = ipc::Journal::attach(file->get(), run->progress.end);
    ASSERT_TRUE(journal);
    auto& summary = summaries_[run->id];
    for (const std::string& kind : kinds) {
      ipc::Event event;
      event.run_id = run->id;
      event.seq = run->progress.next_seq;
      event.kind = kind;
      event.json = "{\"kind\":\"" + kind + "\",\"pad\":\"" + std::string(padding, 'x') + "\"}";
      const ipc::JournalFrame frame{1'000'000, event};
      ASSERT_TRUE(journal->append(frame));
      apply_frame(*run, summary, frame, journal->end());
    }
    run->progress.synced_end = run->progress.end;
    run->progress.synced_seq = run->progress.next_seq;
    relay_->events_ready(run);
  }

  // Appends frames that gateways are not shown, of this size.
  void write_states(const RunPtr& run, int count, std::size_t bytes) {
    auto file = ipc::open_journal(layout_->journal(run->id));
    ASSERT_TRUE(file);
    auto journal = ipc::Journal::attach(file->get(), run->progress.end);
    ASSERT_TRUE(journal);
    for (int i = 0; i < count; ++i) {
      const ipc::JournalFrame frame{1, ipc::Checkpoint{"s", std::string(bytes, 'x'), "", 0}};
      ASSERT_TRUE(journal->append(frame));
      apply_frame(*run, summaries_[run->id], frame, journal->end());
    }
  }

  // Fills until something comes, as the link does: as long as the relay wakes it.
  std::vector<std::string> fill_when_woken(int& fills) {
    for (fills = 1;; ++fills) {
      const int before = wakes_;
      auto messages = fill();
      if (!messages.empty() || wakes_ == before) return messages;
    }
  }

  std::vector<std::string> fill(std::size_t max_bytes = kPlenty) {
    std::vector<std::string> out;
    relay_->fill(out, max_bytes);
    if (!out.empty()) ++batch_;
    return out;
  }
  // Until the relay asks for the link's attention by itself.
  void wait_for_wake() {
    const int before = wakes_;
    context_.restart();
    while (wakes_ == before && context_.run_one_for(std::chrono::seconds(5)) > 0) {
    }
    ASSERT_GT(wakes_, before);
  }
  void connect(WireProtocol protocol = WireProtocol::json) {
    relay_->link_up(protocol);
    batch_ = 0;
  }
  // "register", "announced a paused", "a:3".
  static std::vector<std::string> brief(const std::vector<std::string>& messages) {
    std::vector<std::string> result;
    for (const std::string& message : messages) {
      const auto members = ipc::scan_object(message, {});
      const auto text = [&](std::string_view key) {
        const auto* member = ipc::find(*members, key);
        return member == nullptr ? "" : ipc::json_string(member->raw).value_or("");
      };
      if (text("type") == "run.event") {
        result.push_back(text("run_id") + ":" + std::string(ipc::find(*members, "seq")->raw));
      } else if (text("type") == "run.announced") {
        result.push_back("announced " + text("run_id") + " " + text("status"));
      } else {
        result.push_back(text("type"));
      }
    }
    return result;
  }

  boost::asio::io_context context_{1};
  std::optional<ipc::Layout> layout_;
  std::optional<Registry> registry_;
  std::optional<Relay> relay_;
  std::map<std::string, ipc::JournalSummary> summaries_;
  std::map<std::string, std::uint64_t> confirmed_;
  std::vector<Inbound> received_;
  std::vector<GatewayLoad::Held> held_;  // of what was received
  std::vector<std::uint64_t> questions_;
  std::uint64_t order_ = 0;
  std::uint64_t batch_ = 0;
  int wakes_ = 0;
};

}  // namespace charter::supervisor
