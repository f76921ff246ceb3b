#include "supervisor/state_mender.h"

#include <gtest/gtest.h>

#include <mutex>
#include <optional>

#include "ipc/lock.h"
#include "supervisor/run_files.h"
#include "tests/unit/supervisor/parts_fixture.h"

namespace charter::supervisor::tests {
namespace {

class StateMenderTest : public PartsTest {
 protected:
  void SetUp() override {
    PartsTest::SetUp();
    mender_.emplace(life_->context().get_executor(), life_->worker(), *layout_, life_->registry(),
                    life_->spawner(), Launcher::Settings{"", std::chrono::milliseconds(500)});
  }
  void TearDown() override {
    mender_.reset();
    PartsTest::TearDown();
  }
  // A run that ended and was delivered; its state file is missing.
  void end(const std::string& id) {
    life_->accept(id);
    ASSERT_TRUE(life_->reaches(id, RunState::finished));
    life_->registry().retire(life_->find(id));
  }
  bool locked(const std::string& id) const {
    const auto file = ipc::open_journal(layout_->journal(id));
    return *ipc::is_locked(file->get());
  }

  std::optional<StateMender> mender_;
};

TEST_F(StateMenderTest, SaysWhenAllIsDoneAndAtOnceInALaterLife) {
  end("complete");
  int done = 0;
  mender_->look_back();
  mender_->start([&] { ++done; });
  EXPECT_EQ(done, 0);
  ASSERT_TRUE(life_->until([&] { return done == 1; }));
  EXPECT_FALSE(locked("complete"));
  mender_->look_back();
  mender_->start([&] { ++done; });
  EXPECT_EQ(done, 2);
}

TEST_F(StateMenderTest, RunThatIsForgottenBeforeItsTurnStaysForgotten) {
  std::vector<std::string> ids;
  for (int i = 0; i < 9; ++i) {
    ids.push_back("complete-" + std::to_string(i));
    end(ids.back());
  }
  bool done = false;
  mender_->look_back();
  {
    const std::lock_guard no_worker_begins(life_->spawner().children().making());
    mender_->start([&] { done = true; });
    std::erase_if(ids, [this](const std::string& id) { return locked(id); });
  }
  ASSERT_EQ(ids.size(), 5U) << "the others are being mended";
  for (const std::string& id : ids) {
    life_->registry().forget(id);
    ASSERT_TRUE(remove_run_files(*layout_, id));
  }
  ASSERT_TRUE(life_->until([&] { return done; }));
  for (const std::string& id : ids) {
    EXPECT_FALSE(std::filesystem::exists(layout_->journal(id))) << id;
  }
}

}  // namespace
}  // namespace charter::supervisor::tests
