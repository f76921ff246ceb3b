// `forget` on a disk that does not take the removal.
#include "supervisor/forgetting.h"

#include <gtest/gtest.h>

#include <optional>

#include "tests/support/directory_syncs.h"
#include "tests/unit/supervisor/parts_fixture.h"

namespace charter::supervisor::tests {
namespace {

class ForgettingTest : public PartsTest {
 protected:
  void SetUp() override {
    PartsTest::SetUp();
    forgetting_.emplace(*layout_, life_->ledger(), life_->disk(), life_->registry(),
                        [](const RunPtr&) {});
  }
  void TearDown() override {
    forgetting_.reset();
    PartsTest::TearDown();
  }
  // A run that ended and was delivered, and its state file there.
  std::string end(const std::string& id, const std::string& project = "") {
    life_->accept(id, project);
    EXPECT_TRUE(life_->reaches(id, RunState::finished));
    life_->registry().retire(life_->find(id));
    const ipc::Layout home(project.empty() ? layout_->root() : project);
    EXPECT_TRUE(home.create_runs_dir());
    std::string state = home.state_file(id);
    const ipc::UniqueFd file(::open(state.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    EXPECT_TRUE(static_cast<bool>(file));
    return state;
  }
  std::optional<Refusal> forget(const std::string& id) {
    std::optional<std::optional<Refusal>> answer;
    forgetting_->forget({id, false}, [&](const std::optional<Refusal>& said) { answer = said; });
    EXPECT_TRUE(life_->until([&] { return answer.has_value(); }));
    return *answer;
  }

  std::optional<Forgetting> forgetting_;
};

// After a loss of power it would stand for the id, which was said to be free.
TEST_F(ForgettingTest, IsAnsweredOnceTheRemovalOfTheStateFileIsDurable) {
  const std::string state = end("complete");
  const charter::tests::DirectorySyncs syncs(layout_->runs_dir());
  bool gone = false;
  syncs.before_each([&] { gone = !std::filesystem::exists(state); });
  EXPECT_EQ(forget("complete"), std::nullopt);
  EXPECT_TRUE(gone);
}

TEST_F(ForgettingTest, CanBeAskedForAgainWhereTheRemovalCouldNotBeMadeDurable) {
  const std::string nested = layout_->root() + "/nested";
  std::filesystem::create_directory(nested);
  for (const std::string& project : {std::string(), nested}) {
    const std::string id = project.empty() ? "complete" : "complete-nested";
    const std::string state = end(id, project);
    const charter::tests::DirectorySyncs syncs(std::filesystem::path(state).parent_path());
    syncs.fail(1);
    EXPECT_NE(forget(id), std::nullopt);
    EXPECT_EQ(syncs.failures_left(), 0);
    EXPECT_TRUE(life_->registry().is_reserved(id)) << "it may come back";
    EXPECT_EQ(forget(id), std::nullopt);
    EXPECT_EQ(syncs.succeeded(), 1) << id;
    EXPECT_EQ(life_->registry().use_of(id), Registry::IdUse::free);
  }
}

}  // namespace
}  // namespace charter::supervisor::tests
