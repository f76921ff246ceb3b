#include "ipc/journal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "ipc/codec.h"
#include "scratch.h"

namespace charter::ipc {
namespace {

using Last = JournalSummary::Last;

JournalFrame opened(std::uint32_t burst, const std::string& cause) {
  Opened frame;
  frame.run_id = "r";
  frame.burst = burst;
  frame.cause = cause;
  frame.state = "{\"run_id\":\"r\"}";
  return {1, frame};
}

JournalFrame event(std::uint64_t seq, const std::string& kind, const std::string& step = {},
                   const std::string& json = "{}") {
  return {1, Event{"r", seq, kind, step, 0, false, json}};
}

JournalSummary folded(const std::vector<JournalFrame>& frames) {
  JournalSummary summary;
  std::uint64_t end = kLogHeaderSize;
  for (const JournalFrame& frame : frames) fold(summary, frame, end += 100);
  return summary;
}

TEST(Fold, an_empty_journal_says_nothing) {
  const JournalSummary summary = folded({});
  EXPECT_EQ(summary.last, Last::none);
  EXPECT_EQ(summary.next_seq, 0U);
  EXPECT_EQ(summary.end, kLogHeaderSize);
  EXPECT_FALSE(summary.opened);
}

TEST(Fold, a_burst_without_a_step_can_be_started_again) {
  const JournalSummary summary = folded({opened(1, "start")});
  EXPECT_EQ(summary.last, Last::opened);
  EXPECT_FALSE(summary.step_begun);
  EXPECT_EQ(summary.bursts, 1U);
  EXPECT_EQ(summary.status, "running");
  EXPECT_EQ(summary.opened->cause, "start");
  EXPECT_EQ(summary.opened->state, "") << "a summary keeps no state bytes";
}

TEST(Fold, a_step_is_open_from_its_start_to_its_checkpoint) {
  std::vector<JournalFrame> frames = {opened(1, "start"), event(0, "StepStartEvent", "a")};
  EXPECT_EQ(folded(frames).last, Last::step_open);
  EXPECT_EQ(folded(frames).open_step, "a");
  EXPECT_TRUE(folded(frames).step_begun);

  frames.push_back({1, Intent{"a", 1, "shell"}});
  frames.push_back({1, StepProcess{"a", 1, 77, 88}});
  EXPECT_EQ(folded(frames).last, Last::step_open);
  ASSERT_EQ(folded(frames).processes.size(), 1U);
  EXPECT_EQ(folded(frames).processes[0].session, 77);

  frames.push_back(event(1, "StepCompleteEvent", "a"));
  frames.push_back({1, Checkpoint{"a", "{}", "", 0}});
  EXPECT_EQ(folded(frames).last, Last::checkpoint);
  EXPECT_EQ(folded(frames).open_step, "");
  EXPECT_EQ(folded(frames).next_seq, 2U);
  EXPECT_EQ(folded(frames).frames, frames.size());
}

TEST(Fold, a_pause_is_where_the_state_file_takes_over) {
  std::vector<JournalFrame> frames = {
      opened(1, "start"), event(0, "GatePendingEvent", "g"), {1, Pause{1, "g", 2, 3, 4, 5}}};
  JournalSummary summary = folded(frames);
  EXPECT_EQ(summary.last, Last::paused);
  EXPECT_EQ(summary.status, "paused");
  EXPECT_EQ(summary.pauses, 1U);
  EXPECT_EQ(summary.pause->state_hash, 5U);
  EXPECT_FALSE(summary.decided);

  frames.push_back(opened(2, "resume"));
  summary = folded(frames);
  EXPECT_EQ(summary.last, Last::opened);
  EXPECT_EQ(summary.status, "paused") << "until an event says otherwise";
  EXPECT_FALSE(summary.step_begun);
  EXPECT_EQ(summary.bursts, 2U);

  frames.push_back(event(1, "GateDecisionEvent", "g", R"({"approved":true})"));
  EXPECT_EQ(folded(frames).status, "running");
  EXPECT_TRUE(folded(frames).decided);
}

TEST(Fold, a_refused_decision_changes_no_status) {
  const JournalSummary summary =
      folded({opened(1, "start"), event(0, "GatePendingEvent", "g"),
              event(1, "GateDecisionEvent", "g", R"({"approved":false,"note":"true"})")});
  EXPECT_EQ(summary.status, "paused");
}

TEST(Fold, status_follows_the_events_as_the_reference_has_it) {
  const auto status = [](const char* kind) {
    return folded({opened(1, "start"), event(0, "StepStartEvent", "a"), event(1, kind, "a")})
        .status;
  };
  EXPECT_EQ(status("StepFailedEvent"), "running");
  EXPECT_EQ(status("StepSkippedEvent"), "running");
  EXPECT_EQ(status("StepRetryEvent"), "running");
  EXPECT_EQ(status("InputPendingEvent"), "paused");
  EXPECT_EQ(status("RunCompleteEvent"), "completed");
  EXPECT_EQ(status("RunFailedEvent"), "failed");
  EXPECT_EQ(status("RunCancelledEvent"), "cancelled");
}

TEST(Fold, a_run_is_over_behind_an_event_that_leaves_only_its_end) {
  const auto over = [](const char* kind, const std::string& json = "{}") {
    return folded({opened(1, "start"), event(0, kind, "a", json)}).over;
  };
  for (const char* kind :
       {"StepFailedEvent", "RunCompleteEvent", "RunFailedEvent", "RunCancelledEvent"}) {
    EXPECT_TRUE(over(kind)) << kind;
  }
  EXPECT_TRUE(over("GateDecisionEvent", R"({"approved":false})"));
  EXPECT_FALSE(over("GateDecisionEvent", R"({"approved":true})"));
  EXPECT_FALSE(over("GateDecisionEvent")) << "what cannot be read says nothing";
  EXPECT_FALSE(over("StepCompleteEvent"));
  EXPECT_FALSE(folded({event(0, "StepFailedEvent", "a"), event(1, "StepStartEvent", "a")}).over);
}

TEST(Fold, keeps_the_text_of_the_last_failure) {
  const JournalSummary summary = folded(
      {opened(1, "start"), event(0, "StepStartEvent", "a"),
       event(1, "StepFailedEvent", "a", R"({"kind":"StepFailedEvent","error":"boom \"x\""})"),
       event(2, "RunFailedEvent", "", R"({"error":"boom \u00e9"})")});
  EXPECT_EQ(summary.error, "boom \xC3\xA9");
  EXPECT_EQ(summary.status, "failed");
}

TEST(Fold, the_first_terminal_frame_wins) {
  const JournalSummary summary = folded({opened(1, "start"),
                                         event(0, "RunCancelledEvent"),
                                         {1, Terminal{"cancelled", "killed", {{5, "left", "why"}}}},
                                         event(1, "RunFailedEvent"),
                                         {1, Terminal{"failed", "late", {}}},
                                         {1, Intent{"a", 1, "shell"}}});
  EXPECT_EQ(summary.last, Last::terminal);
  EXPECT_EQ(summary.status, "cancelled");
  EXPECT_EQ(summary.terminal->reason, "killed");
  EXPECT_EQ(summary.terminal->left.size(), 1U);
  EXPECT_EQ(summary.next_seq, 2U);
}

TEST(Fold, an_exit_belongs_to_its_burst) {
  std::vector<JournalFrame> frames = {opened(1, "start"),
                                      event(0, "StepStartEvent", "a"),
                                      {1, Exit{"signal", 11, 0, -1, 0, {}, false}}};
  EXPECT_EQ(folded(frames).exit->signal, 11);
  EXPECT_EQ(folded(frames).last, Last::step_open) << "an exit does not end the step";

  // `project` finishes that burst: what it has to write must still be seen.
  frames.push_back(opened(1, "project"));
  EXPECT_EQ(folded(frames).open_step, "a");
  EXPECT_EQ(folded(frames).exit->signal, 11);

  frames.push_back(opened(2, "resume"));
  EXPECT_FALSE(folded(frames).exit);
  EXPECT_TRUE(folded(frames).processes.empty());
}

class JournalFile : public Scratch {};

TEST_F(JournalFile, is_created_once_and_private) {
  const auto fd = create_journal(path("r.cj"));
  ASSERT_TRUE(fd) << fd.error().message();
  EXPECT_EQ(std::filesystem::status(path("r.cj")).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  EXPECT_NE(::fcntl(fd->get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_EQ(create_journal(path("r.cj")).error().code, std::errc::file_exists);
  EXPECT_EQ(open_journal(path("no.cj")).error().code, std::errc::no_such_file_or_directory);
  EXPECT_TRUE(open_journal(path("r.cj")));
}

TEST_F(JournalFile, is_summarized_as_it_was_folded) {
  const auto fd = create_journal(path("r.cj"));
  auto journal = Journal::attach(fd->get(), kLogHeaderSize);
  ASSERT_TRUE(journal);
  const std::vector<JournalFrame> together = {event(0, "StepStartEvent", "a"),
                                              {1, Intent{"a", 1, "shell"}}};
  ASSERT_TRUE(journal->append(opened(1, "start")));
  ASSERT_TRUE(journal->append(together));
  ASSERT_TRUE(journal->sync());
  const auto summary = summarize(fd->get());
  ASSERT_TRUE(summary);
  EXPECT_EQ(summary->frames, 3U);
  EXPECT_EQ(summary->end, journal->end());
  EXPECT_EQ(summary->open_step, "a");
  EXPECT_EQ(summary->next_seq, 1U);
  EXPECT_FALSE(summary->damaged);
}

TEST_F(JournalFile, goes_on_behind_a_torn_tail) {
  const auto fd = create_journal(path("r.cj"));
  std::uint64_t whole = 0;
  {
    auto journal = Journal::attach(fd->get(), kLogHeaderSize);
    ASSERT_TRUE(journal->append(opened(1, "start")));
    whole = journal->end();
    ASSERT_TRUE(journal->append(event(0, "StepStartEvent", "a")));
    ASSERT_EQ(::ftruncate(fd->get(), static_cast<off_t>(journal->end() - 3)), 0);
  }
  const auto torn = summarize(fd->get());
  EXPECT_EQ(torn->end, whole);
  EXPECT_EQ(torn->next_seq, 0U);
  EXPECT_FALSE(torn->damaged);
  auto journal = Journal::attach(fd->get(), torn->end);
  ASSERT_TRUE(journal);
  ASSERT_TRUE(journal->append(event(0, "StepStartEvent", "b")));
  EXPECT_EQ(summarize(fd->get())->open_step, "b");
}

TEST_F(JournalFile, skips_frames_of_a_later_version_and_reports_broken_ones) {
  const auto fd = create_journal(path("r.cj"));
  std::string unknown = encode(JournalFrame{1, Intent{"a", 1, "shell"}});
  unknown[24] = 99;
  auto writer = LogWriter::open(fd->get(), kLogHeaderSize);
  ASSERT_TRUE(writer->append(std::vector<std::string>{encode(opened(1, "start")), unknown}));
  auto summary = summarize(fd->get());
  EXPECT_FALSE(summary->damaged);
  EXPECT_EQ(summary->frames, 2U);
  EXPECT_EQ(summary->end, writer->end());
  EXPECT_EQ(summary->last, Last::opened);

  ASSERT_TRUE(writer->append(std::vector<std::string>{std::string(16, '\xFF')}));
  ASSERT_TRUE(writer->append(std::vector<std::string>{encode(event(4, "RunCompleteEvent"))}));
  summary = summarize(fd->get());
  EXPECT_TRUE(summary->damaged);
  EXPECT_EQ(summary->next_seq, 5U);
  EXPECT_EQ(summary->end, writer->end());
}

// A journal of a few frames, each of its bytes flipped and each of its lengths tried: what is
// read is always the frames that are whole, and can be written on.
TEST_F(JournalFile, survives_every_flipped_byte_and_every_length) {
  const std::vector<JournalFrame> frames = {opened(1, "start"),
                                            event(0, "StepStartEvent", "a"),
                                            {1, Checkpoint{"a", "{}", "", 0}},
                                            event(1, "RunCompleteEvent")};
  {
    const auto fd = create_journal(path("r.cj"));
    ASSERT_TRUE(Journal::attach(fd->get(), kLogHeaderSize)->append(frames));
  }
  const std::string bytes = read_file(path("r.cj"));
  for (std::size_t at = kLogHeaderSize; at < bytes.size(); ++at) {
    for (const bool cut : {false, true}) {
      std::string changed = cut ? bytes.substr(0, at) : bytes;
      if (!cut) changed[at] = static_cast<char>(~changed[at]);
      const UniqueFd fd = file_with(changed);
      const auto summary = summarize(fd.get());
      ASSERT_TRUE(summary) << at;
      if (!cut) {
        EXPECT_EQ(summary->frames, frames.size() - 1) << at;
      }
      auto journal = Journal::attach(fd.get(), summary->end);
      ASSERT_TRUE(journal) << at;
      ASSERT_TRUE(journal->append(event(9, "RunFailedEvent")));
      EXPECT_EQ(summarize(fd.get())->frames, summary->frames + 1) << at;
      EXPECT_EQ(summarize(fd.get())->next_seq, 10U) << at;
    }
  }
}

TEST(Time, is_written_in_the_forms_of_wire_and_file) {
  constexpr std::int64_t kSecond = 1'000'000;
  EXPECT_EQ(wire_time(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(file_time(0), "1970-01-01T00:00:00+00:00");
  EXPECT_EQ(wire_time(1'767'323'045 * kSecond + 123'456), "2026-01-02T03:04:05.123456Z");
  EXPECT_EQ(file_time(1'767'323'045 * kSecond + 7), "2026-01-02T03:04:05.000007+00:00");
  EXPECT_EQ(wire_time(1'709'208'000 * kSecond), "2024-02-29T12:00:00Z");
  EXPECT_EQ(wire_time(-1), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(wire_time(253'402'300'799 * kSecond), "9999-12-31T23:59:59Z");
  EXPECT_GT(now_us(), 1'700'000'000 * kSecond);
}

// A frame may have come from anybody.
TEST(Time, beyond_years_of_four_digits_is_the_nearest_of_them) {
  EXPECT_EQ(wire_time(std::numeric_limits<std::int64_t>::min()), "0000-01-01T00:00:00Z");
  EXPECT_EQ(wire_time(std::numeric_limits<std::int64_t>::max()), "9999-12-31T23:59:59.999999Z");
}

// A disk that takes no file beyond a size.
class SmallDisk {
 public:
  explicit SmallDisk(std::uint64_t bytes) : handler_(::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit small{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
  }
  ~SmallDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, handler_);
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

 private:
  rlimit before_{};
  sighandler_t handler_;
};

std::uint64_t size_of(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size) : 0;
}

// The supervisor may have read, synced and delivered them before the disk refused the rest.
TEST_F(JournalFile, frames_that_were_written_whole_stay_when_the_disk_takes_no_more) {
  const UniqueFd fd = *create_journal(path("r.cj"));
  auto journal = *Journal::attach(fd.get(), kLogHeaderSize);
  ASSERT_TRUE(journal.append(event(0, "StepStartEvent")));
  LogReader reader(fd.get());
  const auto next_seq = [&] {
    const auto next = reader.next();
    EXPECT_TRUE(next) << next.error().message();
    if (!next || next->outcome != LogReader::Outcome::frame) return std::uint64_t{99};
    return std::get<Event>(decode_journal_frame(next->payload)->body).seq;
  };
  EXPECT_EQ(next_seq(), 0U);
  const std::uint64_t one = journal.end() - kLogHeaderSize;
  const std::vector<JournalFrame> frames = {event(1, "StepStartEvent"), event(2, "StepStartEvent"),
                                            event(3, "StepStartEvent")};
  {
    const SmallDisk disk(journal.end() + 2 * one + 24);
    EXPECT_FALSE(journal.append(frames));
  }
  EXPECT_EQ(size_of(path("r.cj")), journal.end());
  EXPECT_EQ(summarize(fd.get())->next_seq, 3U);
  EXPECT_EQ(next_seq(), 1U);
  EXPECT_EQ(next_seq(), 2U);
  ASSERT_TRUE(journal.append(event(3, "StepStartEvent")));
  EXPECT_EQ(next_seq(), 3U);
  EXPECT_EQ(journal.end(), kLogHeaderSize + 4 * one);
}

// What a ledger refuses must not be found in it later; nobody reads it meanwhile.
TEST_F(JournalFile, any_other_log_keeps_nothing_of_an_append_that_failed) {
  const UniqueFd fd = *create_journal(path("log"));
  auto writer = *LogWriter::open(fd.get(), kLogHeaderSize);
  const std::vector<std::string> payloads(3, std::string(64, 'x'));
  {
    const SmallDisk disk(kLogHeaderSize + 100);
    EXPECT_FALSE(writer.append(payloads));
  }
  EXPECT_EQ(size_of(path("log")), kLogHeaderSize);
  EXPECT_TRUE(writer.append(payloads));
}

}  // namespace
}  // namespace charter::ipc
