// The sandbox of a run that only its journal remembers: a retry of it is not let out.
#include "supervisor/retrying.h"

#include <gtest/gtest.h>

#include "tests/unit/supervisor/parts_fixture.h"

namespace charter::supervisor::tests {
namespace {

class Retrying : public PartsTest {
 protected:
  void leave_journal(const std::string& id, bool bare) {
    const auto file = ipc::create_journal(layout_->journal(id));
    ASSERT_TRUE(file);
    auto journal = ipc::Journal::attach(file->get(), ipc::kLogHeaderSize);
    ipc::Opened opened;
    opened.run_id = id;
    opened.cause = "start";
    opened.bare = bare;
    ASSERT_TRUE(journal->append(ipc::JournalFrame{1, std::move(opened)}));
    ASSERT_TRUE(journal->append(ipc::JournalFrame{2, ipc::Terminal{"failed", "", {}}}));
  }
  bool wants_sandbox(const std::string& id) {
    const auto order = retry_order(*layout_, life_->registry(), id, "new");
    const auto* retry = std::get_if<Intake::Order>(&order);
    EXPECT_NE(retry, nullptr) << id;
    return retry != nullptr && retry->sandbox;
  }
};

TEST_F(Retrying, StaysInTheSandboxThatOnlyTheJournalTellsOf) {
  leave_journal("kept", false);  // or of a worker that did not say
  leave_journal("bare", true);
  EXPECT_TRUE(wants_sandbox("kept"));
  EXPECT_FALSE(wants_sandbox("bare"));
  // The ledger does not know them, and they are shown.
  life_.reset();
  std::filesystem::remove_all(layout_->ledger_dir());
  ASSERT_TRUE(layout_->create());
  begin();
  for (const char* id : {"kept", "bare"}) ASSERT_TRUE(life_->reaches(id, RunState::finished));
  EXPECT_TRUE(wants_sandbox("kept"));
  EXPECT_FALSE(wants_sandbox("bare"));
}

}  // namespace
}  // namespace charter::supervisor::tests
