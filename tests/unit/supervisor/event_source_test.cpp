// What is shown of a journal whose writer had to take something back.
#include "supervisor/event_source.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <string>

#include "ipc/journal.h"
#include "tests/support/files.h"

namespace charter::supervisor {
namespace {

class EventSourceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto file = ipc::create_journal(path());
    ASSERT_TRUE(file);
    file_ = std::move(*file);
  }
  [[nodiscard]] std::string path() const { return directory_ / "run.cj"; }
  // Returns the journal's end.
  std::uint64_t append(std::uint64_t at, std::uint64_t seq, const std::string& json) {
    auto journal = ipc::Journal::attach(file_.get(), at);
    EXPECT_TRUE(journal);
    ipc::Event event;
    event.run_id = "run";
    event.seq = seq;
    event.json = json;
    EXPECT_TRUE(journal->append(ipc::JournalFrame{1, std::move(event)}));
    return journal->end();
  }

  tests::TempDir directory_{"event-source"};
  ipc::UniqueFd file_;
};

// On a full disk a worker cuts off what was not durable, and writes its last words there.
TEST_F(EventSourceTest, ShowsWhatIsDurableAndNotWhatWasReadAheadAndCutOff) {
  for (const bool reads_on : {false, true}) {
    const std::uint64_t durable = append(ipc::kLogHeaderSize, 0, "{\"first\":1}");
    append(durable, 1, "{\"cut\":\"off\"}");
    auto source = EventSource::open(path(), 0);
    ASSERT_TRUE(source);
    auto event = source->next(durable);
    ASSERT_TRUE(event && *event);
    if (reads_on) {
      event = source->next(durable);
      ASSERT_TRUE(event && !*event);
    }
    ASSERT_EQ(::ftruncate(file_.get(), static_cast<off_t>(durable)), 0);
    const std::uint64_t end = append(durable, 1, "{\"instead\":\"of it, and longer\"}");
    event = source->next(end);
    ASSERT_TRUE(event && *event);
    EXPECT_EQ((*event)->event.json, "{\"instead\":\"of it, and longer\"}") << reads_on;
    event = source->next(end);
    EXPECT_TRUE(event && !*event);
  }
}

}  // namespace
}  // namespace charter::supervisor
