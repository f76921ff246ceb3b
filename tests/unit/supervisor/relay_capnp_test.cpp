// The relay on a connection that speaks charter.capnp.v1.
#include "ipc/codec.h"
#include "tests/unit/supervisor/relay_fixture.h"

namespace charter::supervisor {
namespace {

namespace wire = ipc::wire;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class RelayInCapnp : public RelayTest {
 protected:
  void connect() { RelayTest::connect(WireProtocol::capnp); }
  static wire::ToGateway decoded(const std::string& message) {
    auto said = wire::decode_to_gateway(message);
    EXPECT_TRUE(said) << said.error().message();
    return said ? *said : wire::ToGateway(wire::Heartbeat{});
  }
  // "register", "announced a running", "a:0 a:1".
  static std::vector<std::string> brief(const std::vector<std::string>& messages) {
    std::vector<std::string> result;
    for (const std::string& message : messages) {
      const wire::ToGateway said = decoded(message);
      if (const auto* announced = std::get_if<wire::Announced>(&said)) {
        result.push_back("announced " + announced->run_id + " " + announced->status);
      } else if (const auto* events = std::get_if<wire::Events>(&said)) {
        std::string seqs;
        for (const std::string& frame : events->frames) {
          const auto event = wire::event_of(frame);
          EXPECT_TRUE(event);
          seqs += (seqs.empty() ? "" : " ") + event->event.run_id + ":" +
                  std::to_string(event->event.seq);
        }
        result.push_back(seqs);
      } else {
        result.push_back(said.index() == 0 ? "register" : "other");
      }
    }
    return result;
  }
  void acknowledge(const std::string& run, std::uint64_t seq) {
    EXPECT_TRUE(relay_->received(wire::encode(wire::ToDaemon(wire::Acks{{run, seq}}))));
  }
  void ask(wire::ReadOutput question) {
    EXPECT_TRUE(relay_->received(wire::encode(wire::ToDaemon(std::move(question)))));
  }
  static wire::Output output(const std::vector<std::string>& messages) {
    EXPECT_EQ(messages.size(), 1U);
    if (messages.empty()) return {};
    const auto said = decoded(messages[0]);
    const auto* answer = std::get_if<wire::Output>(&said);
    EXPECT_NE(answer, nullptr);
    return answer == nullptr ? wire::Output{} : *answer;
  }
  // As the run's engine does.
  void print(const std::string& run, const std::vector<std::string>& texts) {
    ipc::OutputLog log(*layout_, run, 1U << 20);
    for (const std::string& text : texts) {
      log.append({7, 0, "s", 1, ipc::OutputStream::out, "", text});
    }
  }
  static Verdict workflows(std::string json) {
    auto reply = std::make_shared<ipc::PrepareReply>();
    reply->ok = true;
    reply->state_head = std::move(json);
    return reply;
  }
  ipc::Result<void> ask_for_workflows(std::uint64_t id) {
    return relay_->received(wire::encode(wire::ToDaemon(wire::Describe{id})));
  }
  ipc::Result<void> command(wire::Command said) {
    return relay_->received(wire::encode(wire::ToDaemon(std::move(said))));
  }
};

TEST_F(RelayInCapnp, ConnectionBeginsWithRegisterThenAnnouncementsThenEvents) {
  const RunPtr run = add_run("a");
  write(run, {"StepStartEvent", "GatePendingEvent"});
  connect();
  const auto messages = fill();
  EXPECT_THAT(brief(messages), ElementsAre("register", "announced a paused", "a:0 a:1"));
  const auto hello = std::get<wire::Register>(decoded(messages[0]));
  EXPECT_EQ(hello.worker_id, "worker");
  EXPECT_EQ(hello.max_runs, 4);
  EXPECT_THAT(hello.active_runs, ElementsAre("a"));
  const auto announced = std::get<wire::Announced>(decoded(messages[1]));
  EXPECT_EQ(announced.workflow_path, "/w/plan.yml");
  EXPECT_EQ(announced.started_at, "2026-01-02T03:04:05Z");
  EXPECT_THAT(fill(), ElementsAre());
}

TEST_F(RelayInCapnp, FramesAreTheBytesOfTheJournal) {
  const RunPtr run = add_run("a");
  write(run, {"StepStartEvent", "RunCompleteEvent"});
  connect();
  const auto messages = fill();
  const auto events = std::get<wire::Events>(decoded(messages.at(2)));
  std::ifstream file(layout_->journal("a"), std::ios::binary);
  const std::string journal((std::istreambuf_iterator<char>(file)), {});
  ASSERT_EQ(events.frames.size(), 2U);
  std::size_t from = 0;
  for (const std::string& frame : events.frames) {
    const auto at = journal.find(frame, from);
    ASSERT_NE(at, journal.npos);
    from = at + frame.size();
  }
}

TEST_F(RelayInCapnp, OtherFramesOfTheJournalStayWhereTheyAre) {
  const RunPtr run = add_run("a");
  {
    auto file = ipc::open_journal(layout_->journal("a"));
    auto journal = ipc::Journal::attach(file->get(), run->progress.end);
    const ipc::JournalFrame secret{1, ipc::Checkpoint{"s", "{\"out\":\"s3cret\"}", "", 0}};
    ASSERT_TRUE(journal->append(secret));
    apply_frame(*run, summaries_["a"], secret, journal->end());
  }
  write(run, {"StepStartEvent"});
  connect();
  const auto messages = fill();
  EXPECT_THAT(brief(messages), ElementsAre("register", "announced a running", "a:0"));
  for (const std::string& message : messages) EXPECT_THAT(message, Not(HasSubstr("s3cret")));
}

TEST_F(RelayInCapnp, ATurnIsOneMessageOfAtMost256EventsOr64KiB) {
  const RunPtr many = add_run("a");
  write(many, std::vector<std::string>(300, "StepStartEvent"));
  const RunPtr large = add_run("b");
  write(large, std::vector<std::string>(20, "StepStartEvent"), 10'000);
  connect();
  std::vector<std::size_t> sizes;
  for (auto part = fill(1); !part.empty(); part = fill(1)) {
    for (const std::string& message : part) {
      const auto said = decoded(message);
      if (const auto* events = std::get_if<wire::Events>(&said)) {
        sizes.push_back(events->frames.size());
      }
    }
  }
  EXPECT_THAT(sizes, ElementsAre(256, 7, 44, 7, 6));
}

TEST_F(RelayInCapnp, OnlyAnAcknowledgementMovesTheCursor) {
  const RunPtr run = add_run("a");
  write(run, {"StepStartEvent", "StepCompleteEvent"});
  connect();
  fill();
  EXPECT_EQ(confirmed_["a"], 0U);
  EXPECT_EQ(relay_->settled(), 0U);
  acknowledge("a", 1);
  EXPECT_EQ(confirmed_["a"], 2U);
  EXPECT_EQ(relay_->settled(), 1U);
}

TEST_F(RelayInCapnp, RunsMayBeAcknowledgedInAnyOrder) {
  const RunPtr a = add_run("a");
  const RunPtr b = add_run("b");
  connect();
  fill();
  write(a, {"StepStartEvent"});
  fill();
  write(b, {"StepStartEvent"});
  fill();
  acknowledge("b", 0);
  EXPECT_EQ(confirmed_["b"], 1U);
  EXPECT_EQ(confirmed_["a"], 0U);
  EXPECT_EQ(relay_->settled(), 1U) << "the first batch carried nothing to acknowledge";
  acknowledge("a", 0);
  EXPECT_EQ(confirmed_["a"], 1U);
  EXPECT_EQ(relay_->settled(), 3U);
}

TEST_F(RelayInCapnp, ABatchWithoutEventsIsSettledByItself) {
  const RunPtr run = add_run("a");
  connect();
  fill();
  EXPECT_EQ(relay_->settled(), 1U);
  relay_->answer({"c", "a", {}});
  fill();
  EXPECT_EQ(relay_->settled(), 2U);
}

TEST_F(RelayInCapnp, AcknowledgementsOfWhatWasNotSentAreNoHarm) {
  const RunPtr run = add_run("a");
  write(run, {"StepStartEvent"});
  connect();
  acknowledge("nobody", 7);
  acknowledge("a", 5);  // nothing of it was sent yet
  EXPECT_EQ(confirmed_["a"], 0U);
  fill();
  acknowledge("a", UINT64_MAX);
  EXPECT_EQ(confirmed_["a"], 1U);
  write(run, {"StepCompleteEvent"});
  fill();
  EXPECT_EQ(confirmed_["a"], 1U);
  acknowledge("a", 0);  // an old one again
  EXPECT_EQ(confirmed_["a"], 1U);
  acknowledge("a", 1);
  EXPECT_EQ(confirmed_["a"], 2U);
}

TEST_F(RelayInCapnp, WhatWasNotAcknowledgedIsSentAgainWhateverTheProtocol) {
  const RunPtr run = add_run("a");
  make_relay(Replay::unconfirmed);
  write(run, {"StepStartEvent", "StepCompleteEvent"});
  connect();
  fill();
  acknowledge("a", 1);
  write(run, {"StepStartEvent"});
  fill();
  relay_->link_down("lost");
  RelayTest::connect(WireProtocol::json);
  EXPECT_THAT(RelayTest::brief(fill()),
              ElementsAre("worker.register", "announced a running", "a:2"));
  relay_->link_down("lost");
  connect();
  EXPECT_THAT(brief(fill()), ElementsAre("register", "announced a running", "a:2"));
}

TEST_F(RelayInCapnp, ARepeatedHistoryIsSettledByItsOwnAcknowledgement) {
  const RunPtr run = add_run("a");
  write(run, {"StepStartEvent", "StepCompleteEvent"});
  connect();
  fill();
  acknowledge("a", 1);
  relay_->link_down("lost");
  connect();
  EXPECT_THAT(brief(fill()), ElementsAre("register", "announced a running", "a:0 a:1"));
  EXPECT_EQ(relay_->settled(), 0U);
  acknowledge("a", 1);
  EXPECT_EQ(relay_->settled(), 1U);
}

TEST_F(RelayInCapnp, ARunThatIsForgottenHoldsUpNobody) {
  const RunPtr run = add_run("a");
  write(run, {"StepStartEvent"});
  connect();
  fill();
  registry_->retire(run);
  const RunPtr other = add_run("b");
  write(other, {"StepStartEvent"});
  fill();
  acknowledge("b", 0);
  EXPECT_EQ(relay_->settled(), 2U);
}

// Nothing else may be said on this connection ever after.
TEST_F(RelayInCapnp, AnAcknowledgementThatComesBehindTheForgettingIsEnough) {
  const RunPtr run = add_run("a");
  write(run, {"StepStartEvent"});
  connect();
  fill();
  ASSERT_EQ(relay_->settled(), 0U);
  registry_->forget("a");
  acknowledge("a", 0);
  EXPECT_EQ(relay_->settled(), 1U);
}

TEST_F(RelayInCapnp, AcknowledgementsOfOneMessageMayBeInAnyOrder) {
  connect();
  fill();
  for (const char* id : {"a", "b", "c"}) {
    write(add_run(id), {"StepStartEvent", "StepCompleteEvent"});
    fill();
  }
  EXPECT_TRUE(relay_->received(
      wire::encode(wire::ToDaemon(wire::Acks{{"c", 1}, {"b", 0}, {"c", 0}, {"b", 1}}))));
  EXPECT_EQ(confirmed_["c"], 2U);
  EXPECT_EQ(confirmed_["b"], 2U);
  EXPECT_EQ(confirmed_["a"], 0U);
  EXPECT_EQ(relay_->settled(), 1U);
  acknowledge("a", 1);
  EXPECT_EQ(relay_->settled(), 4U);
}

TEST_F(RelayInCapnp, CommandsAreReadAsIfTheyHadComeInJson) {
  connect();
  EXPECT_TRUE(command({"c", "r", "ask", 2, wire::Resume{true, "fine"}}));
  EXPECT_TRUE(command({"d", "", "", 0, wire::Start{"w", ""}}));
  EXPECT_TRUE(command({"e", "r", "form", 3, wire::Input{R"({"kind":"form","answers":{}})"}}));
  EXPECT_TRUE(command({"f", "r", "", 0, wire::Cancel{std::nullopt}}));
  EXPECT_TRUE(command({"g", "", "", 0, wire::Cancel{std::nullopt}}));
  EXPECT_TRUE(command({"h", "r", "", 0, wire::Input{"{}"}}));
  ASSERT_EQ(received_.size(), 6U);
  const auto& resume = std::get<RunResume>(received_[0]);
  EXPECT_EQ(resume.run_id, "r");
  EXPECT_TRUE(resume.approved);
  EXPECT_EQ(resume.note, "fine");
  EXPECT_EQ(resume.command_id, "c");
  EXPECT_EQ(resume.pause.number, 2U);
  EXPECT_EQ(resume.pause.step, "ask");
  EXPECT_TRUE(resume.wants_answer);
  const auto& start = std::get<RunStart>(received_[1]);
  EXPECT_EQ(start.workflow_id, "w");
  EXPECT_FALSE(start.run_id);
  EXPECT_EQ(start.variables, "{}");
  const auto& input = std::get<RunInput>(received_[2]);
  EXPECT_EQ(input.kind, "form");
  EXPECT_EQ(input.pause.number, 3U);
  EXPECT_TRUE(std::get<RunCancel>(received_[3]).wants_answer);
  EXPECT_EQ(std::get<Malformed>(received_[4]).message, "run_id: Field required");
  EXPECT_EQ(std::get<Malformed>(received_[5]).message, "input.kind: Field required");
}

TEST_F(RelayInCapnp, CommandsWhoseIdIsOverAKiBAreMalformed) {
  connect();
  EXPECT_TRUE(command({std::string(1024, 'x'), "r", "", 0, wire::Cancel{std::nullopt}}));
  EXPECT_TRUE(command({std::string(1025, 'x'), "r", "", 0, wire::Cancel{std::nullopt}}));
  ASSERT_EQ(received_.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<RunCancel>(received_[0]));
  EXPECT_EQ(std::get<Malformed>(received_[1]).message, "command_id: must have at most 1024 bytes");
}

TEST_F(RelayInCapnp, AnswersAreResults) {
  connect();
  fill();
  relay_->answer({"c", "a", {false, "pause_over", "too late"}});
  relay_->answer(malformed_command("d", "run_id: Field required"));
  const auto messages = fill();
  ASSERT_EQ(messages.size(), 2U);
  const auto result = std::get<wire::CommandResult>(decoded(messages[0]));
  EXPECT_EQ(result.command_id, "c");
  EXPECT_EQ(result.run_id, "a");
  EXPECT_EQ(result.code, "pause_over");
  EXPECT_EQ(std::get<wire::CommandResult>(decoded(messages[1])).code, "invalid_command");
}

TEST_F(RelayInCapnp, NonsenseIsAnErrorThatSaysSo) {
  connect();
  const auto taken = relay_->received("nonsense");
  ASSERT_FALSE(taken);
  EXPECT_THAT(taken.error().message(), HasSubstr("malformed charter.capnp.v1 message"));
  std::string later = wire::encode(wire::ToDaemon(wire::Welcome{}));
  later[16] = 99;
  EXPECT_TRUE(relay_->received(later)) << "a kind of a later version";
  ASSERT_EQ(received_.size(), 1U);
  EXPECT_TRUE(std::holds_alternative<Ignored>(received_[0]));
}

TEST_F(RelayInCapnp, TellsOfWorkflowsWhenAsked) {
  connect();
  (void)fill();
  EXPECT_TRUE(ask_for_workflows(7));
  EXPECT_THAT(questions_, ElementsAre(7U));
  const int wakes = wakes_;
  relay_->described(7, workflows("[]"));
  EXPECT_GT(wakes_, wakes);
  const auto messages = fill();
  ASSERT_EQ(messages.size(), 1U);
  const auto answer = std::get<wire::Described>(decoded(messages[0]));
  EXPECT_EQ(answer.id, 7U);
  EXPECT_EQ(answer.workflows, "[]");
  // An answer that comes behind its connection is not given to the next one.
  EXPECT_TRUE(ask_for_workflows(8));
  EXPECT_TRUE(ask_for_workflows(9));
  relay_->described(8, workflows("[]"));
  relay_->link_down("gone");
  connect();
  relay_->described(9, workflows("[]"));
  EXPECT_THAT(brief(fill()), ElementsAre("register"));
}

TEST_F(RelayInCapnp, QuestionsForWorkflowsAreBoundedAndTheirAnswersSentOneByOne) {
  connect();
  (void)fill();
  for (std::uint64_t id = 1; id <= 1000; ++id) EXPECT_TRUE(ask_for_workflows(id));
  ASSERT_EQ(questions_.size(), 64U);
  const Verdict verdict = workflows("[\"" + std::string(100'000, 'x') + "\"]");
  for (std::uint64_t id = 1; id <= 64; ++id) relay_->described(id, verdict);
  EXPECT_EQ(verdict.use_count(), 65) << "it is not copied before it is sent";
  EXPECT_TRUE(ask_for_workflows(1001));
  EXPECT_EQ(questions_.size(), 64U) << "none of the answers was taken";
  for (std::uint64_t id = 1; id <= 64; ++id) {
    const auto messages = fill(64U << 10);
    ASSERT_EQ(messages.size(), 1U);
    EXPECT_EQ(std::get<wire::Described>(decoded(messages[0])).id, id);
  }
  EXPECT_TRUE(ask_for_workflows(1002));
  EXPECT_EQ(questions_.size(), 65U);
}

// ---- how much may wait ----

constexpr std::size_t kMiB = 1U << 20;

TEST_F(RelayInCapnp, IsCrowdedUntilCommandsOfLessThan64MiBAreUnderWay) {
  connect();
  const wire::Command start{"c", "r", "", 0,
                            wire::Start{"w", "{\"x\":\"" + std::string(kMiB, 'x') + "\"}"}};
  for (int count = 0; count < 63; ++count) ASSERT_TRUE(command(start));
  EXPECT_FALSE(relay_->crowded());
  ASSERT_TRUE(command(start));
  EXPECT_TRUE(relay_->crowded());
  EXPECT_TRUE(command(start)) << "what has been read is taken";
  // Those of a connection that is gone count, too.
  relay_->link_down("gone");
  connect();
  EXPECT_TRUE(relay_->crowded());
  held_.resize(60);
  EXPECT_FALSE(relay_->crowded());
}

TEST_F(RelayInCapnp, CommandsOfAnySizeCount) {
  connect();
  int count = 0;
  while (!relay_->crowded() && count < 100'000) {
    ASSERT_TRUE(command({"c", "r", "", 0, wire::Cancel{std::nullopt}}));
    ++count;
  }
  EXPECT_GT(count, 50'000);
  EXPECT_LT(count, 65'536);
}

TEST_F(RelayInCapnp, NoCommandIsTakenWhile64MiBOfAnswersWait) {
  write(add_run("a"), {"StepStartEvent"});
  connect();
  (void)fill();
  for (int count = 0; count < 64; ++count) {
    ASSERT_TRUE(command({"c", "r", "", 0, wire::Cancel{std::nullopt}}));
    relay_->answer(malformed_command(std::string(kMiB, 'x'), "command_id: too long"));
  }
  const auto taken = command({"c", "r", "", 0, wire::Cancel{std::nullopt}});
  ASSERT_FALSE(taken);
  EXPECT_THAT(taken.error().message(), HasSubstr("64 MiB of answers wait"));
  acknowledge("a", 0);
  EXPECT_EQ(confirmed_["a"], 1U) << "which makes room for answers";
  (void)fill(kMiB);
  EXPECT_TRUE(command({"c", "r", "", 0, wire::Cancel{std::nullopt}}));
  relay_->answer(malformed_command(std::string(kMiB, 'x'), "command_id: too long"));
  EXPECT_FALSE(command({"c", "r", "", 0, wire::Cancel{std::nullopt}}));
  relay_->link_down("gone");
  connect();
  EXPECT_TRUE(command({"c", "r", "", 0, wire::Cancel{std::nullopt}}));
}

// ---- what runs print ----

TEST_F(RelayInCapnp, TellsWhatARunPrintsWhenAsked) {
  const RunPtr run = add_run("a");
  print("a", {"one", "two"});
  connect();
  EXPECT_TRUE(std::get<wire::Register>(decoded(fill()[0])).tells_output);
  wire::ReadOutput question{5, "a", run->started_at};
  const int wakes = wakes_;
  ask(question);
  EXPECT_GT(wakes_, wakes);
  auto answer = output(fill());
  EXPECT_EQ(answer.id, 5U);
  ASSERT_EQ(answer.pieces.size(), 2U);
  EXPECT_EQ(answer.pieces[1].bytes, "two");
  EXPECT_EQ(answer.pieces[1].step_id, "s");
  EXPECT_EQ(answer.next.position, 6U);
  EXPECT_FALSE(answer.more);
  EXPECT_FALSE(answer.over);
  // From there on, and that it is over only when the run is.
  question.place = answer.next;
  ask(question);
  answer = output(fill());
  EXPECT_THAT(answer.pieces, ::testing::IsEmpty());
  EXPECT_FALSE(answer.over);
  run->state = RunState::finished;
  print("a", {"three"});
  ask(question);
  answer = output(fill());
  ASSERT_EQ(answer.pieces.size(), 1U);
  EXPECT_TRUE(answer.over);
  // By its number alone, where nobody knows the file any more.
  question.place = {3, 0, 0};
  ask(question);
  ASSERT_EQ(output(fill()).pieces.size(), 2U);
  question.place = {};
  question.tail = 1;
  ask(question);
  answer = output(fill());
  ASSERT_EQ(answer.pieces.size(), 1U) << "the whole piece that the last byte is in";
  EXPECT_EQ(answer.pieces[0].bytes, "three");
}

TEST_F(RelayInCapnp, AnAnswerIsSmallWhateverWasAsked) {
  add_run("a");
  for (int count = 0; count < 20; ++count) print("a", {std::string(20'000, 'x')});
  connect();
  (void)fill();
  wire::ReadOutput question{1, "a"};
  question.max_bytes = 1U << 30;
  std::size_t bytes = 0;
  int answers = 0;
  for (bool more = true; more && answers < 100; ++answers) {
    ask(question);
    const auto answer = output(fill());
    std::size_t here = 0;
    for (const auto& piece : answer.pieces) here += piece.bytes.size();
    EXPECT_LE(here, 84'000U);
    bytes += here;
    question.place = answer.next;
    more = answer.more;
  }
  EXPECT_EQ(bytes, 400'000U);
  EXPECT_LE(answers, 8);
  question.place = {};
  question.max_bytes = 1;
  ask(question);
  EXPECT_EQ(output(fill()).pieces.size(), 1U);
  // Without a hint only so much is looked through at once; asking goes on where that ended.
  question = {2, "a", "", {390'000, 0, 0}};
  ask(question);
  auto answer = output(fill());
  EXPECT_THAT(answer.pieces, ::testing::IsEmpty());
  EXPECT_TRUE(answer.more);
  EXPECT_EQ(answer.next.position, 390'000U);
  question.place = answer.next;
  ask(question);
  answer = output(fill());
  ASSERT_EQ(answer.pieces.size(), 1U);
  EXPECT_EQ(answer.pieces[0].position, 380'000U);
}

TEST_F(RelayInCapnp, ATailIsShortWhateverWasAsked) {
  add_run("a");
  constexpr std::uint64_t kPrinted = 3U << 20;
  {
    ipc::OutputLog log(*layout_, "a", 16U << 20);
    const std::string text(64U << 10, 'x');
    for (std::uint64_t bytes = 0; bytes < kPrinted; bytes += text.size()) {
      log.append({7, 0, "s", 1, ipc::OutputStream::out, "", text});
    }
  }
  connect();
  (void)fill();
  wire::ReadOutput question{1, "a"};
  question.tail = UINT64_MAX;
  ask(question);
  const auto answer = output(fill());
  ASSERT_FALSE(answer.pieces.empty());
  EXPECT_EQ(answer.pieces[0].position, kPrinted - (1U << 20));
}

TEST_F(RelayInCapnp, OutputIsOfTheRunThatIsMeantAndNeverAnyFile) {
  add_run("a");
  print("a", {"x"});
  print("stranger", {"x"});
  connect();
  (void)fill();
  for (const wire::ReadOutput& question :
       {wire::ReadOutput{1, "a", "2020-01-01T00:00:00Z"}, wire::ReadOutput{1, "stranger"},
        wire::ReadOutput{1, "../a"}, wire::ReadOutput{1, ""}}) {
    ask(question);
    const auto answer = output(fill());
    EXPECT_THAT(answer.error, HasSubstr("keeps nothing of this run")) << question.run_id;
    EXPECT_TRUE(answer.over);
    EXPECT_THAT(answer.pieces, ::testing::IsEmpty());
  }
}

// One that was delivered is in no queue any more, and later in no list.
TEST_F(RelayInCapnp, OutputIsToldAsLongAsTheRunsJournalIsKept) {
  const RunPtr run = add_run("a");
  print("a", {"x"});
  add_run("b");
  print("b", {"y"});
  connect();
  (void)fill();
  registry_->retire(run);
  for (const char* id : {"a", "b"}) {
    if (*id == 'b') (void)registry_->forget("b");
    ask({1, id, run->started_at});
    const auto answer = output(fill());
    EXPECT_EQ(answer.error, "");
    EXPECT_EQ(answer.pieces.size(), 1U) << id;
    EXPECT_TRUE(answer.over);
  }
  ask({1, "a", "2020-01-01T00:00:00Z"});
  EXPECT_THAT(output(fill()).error, HasSubstr("keeps nothing of this run"));
}

TEST_F(RelayInCapnp, EventsGoBeforeOutput) {
  const RunPtr run = add_run("a");
  print("a", {"x"});
  connect();
  (void)fill();
  for (int count = 0; count < 3; ++count) ask({1, "a"});
  write(run, {"StepStartEvent", "StepCompleteEvent"});
  relay_->events_ready(run);
  EXPECT_THAT(brief(fill(1)), ElementsAre("a:0 a:1")) << "no room is left";
  // One a batch.
  for (int count = 0; count < 3; ++count) EXPECT_THAT(brief(fill()), ElementsAre("other"));
  EXPECT_THAT(fill(), ::testing::IsEmpty());
}

TEST_F(RelayInCapnp, QuestionsForOutputEndWithTheirConnectionAndAreBounded) {
  add_run("a");
  connect();
  (void)fill();
  for (std::uint64_t id = 1; id <= 1000; ++id) ask({id, "a"});
  std::vector<std::uint64_t> told;
  for (auto messages = fill(); !messages.empty(); messages = fill()) {
    told.push_back(output(messages).id);
  }
  EXPECT_EQ(told.size(), 64U);
  EXPECT_EQ(told.back(), 1000U);
  ask({1, "a"});
  relay_->link_down("gone");
  connect();
  EXPECT_THAT(brief(fill()), ElementsAre("register", "announced a running"));
}

TEST_F(RelayInCapnp, OutputStaysHereWhereThatIsWanted) {
  make_relay(Replay::active, false);
  add_run("a");
  print("a", {"x"});
  connect();
  EXPECT_FALSE(std::get<wire::Register>(decoded(fill()[0])).tells_output);
  ask({1, "a"});
  EXPECT_THAT(fill(), ::testing::IsEmpty());
}

TEST_F(RelayInCapnp, HeartbeatCountsWhatGatewaysSee) {
  connect();
  add_run("running");
  const auto beat = std::get<wire::Heartbeat>(decoded(relay_->heartbeat()));
  EXPECT_EQ(beat.running, 1U);
  EXPECT_EQ(beat.paused, 0U);
}

}  // namespace
}  // namespace charter::supervisor
