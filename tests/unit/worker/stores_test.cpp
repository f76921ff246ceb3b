// The files a worker keeps: replaced as a whole, never seen half, without using up inodes.
#include <gmock/gmock.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>

#include "tests/support/directory_syncs.h"
#include "tests/unit/worker/driver.h"
#include "worker/stores/artifact_store.h"
#include "worker/stores/blobs.h"
#include "worker/stores/run_state.h"
#include "worker/stores/spares.h"
#include "worker/stores/state_file.h"

namespace charter::worker::testing {
namespace {

ino_t inode_of(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? info.st_ino : 0;
}

std::size_t entries_in(const std::string& directory) {
  const auto entries = std::filesystem::directory_iterator(directory);
  return static_cast<std::size_t>(
      std::distance(std::filesystem::begin(entries), std::filesystem::end(entries)));
}

TEST(Spares, CreateAndReplaceAFile) {
  const Project project;
  const std::string target = project.path("file");
  Spares spares(project.path("spares"), "r1");
  for (const std::string text : {"first", "second, longer", "3rd", ""}) {
    for (const bool durable : {false, true}) {
      ASSERT_TRUE(spares.publish(target, text, durable));
      EXPECT_EQ(read_text(target), text);
    }
  }
  struct stat info {};
  ASSERT_EQ(::stat(target.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST(Spares, UseTheSameInodesAgain) {
  const Project project;
  const std::string target = project.path("file");
  Spares spares(project.path("spares"), "r1");
  for (int round = 0; round < 30; ++round) {
    ASSERT_TRUE(spares.publish(target, "round " + std::to_string(round), false));
    std::this_thread::sleep_for(std::chrono::milliseconds(25));  // the rest a spare takes
  }
  EXPECT_LE(entries_in(project.path("spares")), 3U) << "a spare is looked for, not made";
}

TEST(Spares, DoNotWriteIntoWhatAReaderMayHaveOpen) {
  const Project project;
  const std::string target = project.path("file");
  Spares spares(project.path("spares"), "r1");
  ASSERT_TRUE(spares.publish(target, "old", false));
  const ino_t old = inode_of(target);
  const ipc::UniqueFd reader(::open(target.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(spares.publish(target, "new", false));
  ASSERT_TRUE(spares.publish(target, "newer", false));
  EXPECT_NE(inode_of(target), old);
  EXPECT_EQ(*ipc::read_all(reader.get(), 100), "old");
}

// A reader that takes no lock may be kept from the processor for longer than a spare rests.
TEST(Spares, WhatWasReplacedStaysForItsReaders) {
  const Project project;
  const std::string target = project.path("file");
  Spares spares(project.path("spares"), "r1");
  ASSERT_TRUE(spares.replace(target, "old"));
  const ipc::UniqueFd reader(::open(target.c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(spares.replace(target, "new"));
  EXPECT_EQ(read_text(target), "new");
  std::this_thread::sleep_for(std::chrono::milliseconds(25));  // the rest a spare takes
  for (int file = 0; file < 3; ++file) {
    ASSERT_TRUE(spares.publish(target, "newer", false));
    ASSERT_TRUE(spares.publish(project.path("other"), "another", false));
  }
  EXPECT_EQ(*ipc::read_all(reader.get(), 100), "old");
  for (const auto& entry : std::filesystem::directory_iterator(project.path("spares"))) {
    EXPECT_FALSE(entry.path().filename().string().starts_with("own-")) << entry.path();
  }
}

TEST(Spares, AReaderSeesWholeFilesOnly) {
  const Project project;
  const std::string target = project.path("file");
  std::atomic<bool> done = false;
  Spares first(project.path("spares"), "r1");
  ASSERT_TRUE(first.publish(target, std::string(5000, 'a'), false));
  std::thread writer([&] {
    Spares spares(project.path("spares"), "r1");
    for (int round = 0; round < 300; ++round) {
      (void)spares.publish(
          target,
          std::string(static_cast<std::size_t>(5000 + round), static_cast<char>('a' + round % 26)),
          false);
    }
    done = true;
  });
  while (!done) {
    const std::string text = read_text(target);
    ASSERT_GE(text.size(), 5000U);
    ASSERT_EQ(text.find_first_not_of(text[0]), std::string::npos);
  }
  writer.join();
}

// What an engine leaves that dies between taking a spare and exchanging it.
TEST(Spares, WhatADeadEngineWasWritingIntoIsSweptByWhoeverClosesItsRun) {
  const Project project;
  const std::string spares = spares_directory(project.layout()) + "/";
  const auto plant = [&](const std::string& name) { write_text(spares + name, "half"); };
  std::filesystem::create_directories(spares);
  for (const auto* name : {"own-7@r1", "own-8@r1", "own-7@r1-2", "own-7@r", "3"}) plant(name);
  Worker worker(project, project.job("r1", R"([{"id": "s", "type": "shell", "run": "touch go; )"
                                           R"(sleep 600"}])"));
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(project.path("go")); }));
  ASSERT_TRUE(ipc::request_kill(worker.process(), 100));
  EXPECT_EQ(worker.wait(), 0);
  for (const auto* name : {"own-7@r1", "own-8@r1"}) {
    EXPECT_FALSE(std::filesystem::exists(spares + name)) << name;
  }
  for (const auto* name : {"own-7@r1-2", "own-7@r"}) {
    EXPECT_TRUE(std::filesystem::exists(spares + name)) << name;
  }
  // The engine may have taken it, and put back what it replaced.
  EXPECT_TRUE(std::filesystem::exists(spares + "3") || std::filesystem::exists(spares + "0"));
}

TEST(Spares, ALaterBurstSweepsToo) {
  const Project project;
  const std::string spares = spares_directory(project.layout()) + "/";
  std::filesystem::create_directories(spares);
  ipc::Job job = project.job("r1", R"([{"id": "s", "type": "shell", "run": "true"}])");
  write_text(spares + "own-7@r1", "half");
  job.burst = 2;
  EXPECT_EQ(kinds(run_to_end(project, job)), "StepStart StepComplete RunComplete");
  EXPECT_FALSE(std::filesystem::exists(spares + "own-7@r1"));
}

TEST(RunState, RendersWhatItRead) {
  const Project project;
  const std::string text = project.first_state("r1", R"([{"id": "a", "type": "gate"}])",
                                               R"({"x": [1.50, 1e400, "\u00e9"]})");
  auto state = RunState::parse(text);
  ASSERT_TRUE(state);
  EXPECT_EQ(state->render(), text);
  state->add_outputs("a", json(R"({"o": {"deep": [1]}})").as_object(), "t1");
  state->add_outputs("b", Object(), "t1");
  state->decide({Value("g"), true, std::nullopt, "t2"});
  const std::string rendered = state->render();
  EXPECT_EQ(dump(json(rendered), kStateFile), rendered) << "in the form of one dump of the whole";
  const auto again = RunState::parse(rendered);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->render(), rendered);
  EXPECT_EQ(again->gate_history().size(), 1U);
}

TEST(RunState, OutputsComeBeforeVariablesAndLaterOnesBeforeEarlier) {
  const Project project;
  auto state = RunState::parse(project.first_state("r1", "[]", R"({"x": 1, "y": 2})"));
  ASSERT_TRUE(state);
  state->add_outputs("a", json(R"({"x": 10})").as_object(), "t");
  EXPECT_EQ(dump(*state->find("x")), "10");
  EXPECT_EQ(dump(*state->find("y")), "2");
  state->add_outputs("b", json(R"({"x": 20})").as_object(), "t");
  EXPECT_EQ(dump(*state->find("x")), "20");
  state->keep_outputs(1);
  EXPECT_EQ(dump(*state->find("x")), "10");
  EXPECT_FALSE(state->has_outputs("b"));
  EXPECT_EQ(state->find("z"), nullptr);
}

TEST(RunState, RefusesWhatIsNoState) {
  for (const char* text : {"", "[]", "{}", R"({"run_id": 5})",
                           R"({"run_id": "r", "status": "x",)"
                           R"("created_at": "", "updated_at": "", "outputs": []})"}) {
    EXPECT_FALSE(RunState::parse(text)) << text;
  }
}

TEST(StateFile, SavesSoonAndNotMoreOftenThanNeeded) {
  const Project project;
  auto state = RunState::parse(project.first_state("r1", "[]"));
  ASSERT_TRUE(state);
  StateFile file(project.path("state"), project.path("spares"), *state);
  EXPECT_EQ(file.due(), kNever);
  file.changed();
  EXPECT_LE(file.due(), ipc::boot_ms() + 21);
  file.save_if_due();
  EXPECT_FALSE(std::filesystem::exists(project.path("state"))) << "not due yet";
  EXPECT_TRUE(eventually([&] {
    file.save_if_due();
    return std::filesystem::exists(project.path("state"));
  }));
  EXPECT_EQ(file.due(), kNever);
  EXPECT_EQ(read_text(project.path("state")), state->render());
}

// Whoever made a directory may not have brought its name to the disk: a try that failed, or a burst
// that was killed right then.
TEST(Blobs, FoundDirectoryIsSyncedOnce) {
  const Project project;
  const charter::tests::DirectorySyncs syncs(project.path("."));
  const auto store = [&](std::uint64_t number) {
    return static_cast<bool>(
        make_checkpoint(project.path("blobs"), number, "s", std::string(kBlobBytes, ' ')));
  };
  syncs.fail(1);
  EXPECT_FALSE(store(1));
  EXPECT_TRUE(store(2));
  EXPECT_EQ(syncs.succeeded(), 1);
  EXPECT_TRUE(store(3));
  EXPECT_EQ(syncs.succeeded(), 1) << "the next ones cost nothing";
}

TEST(Artifacts, FoundDirectoryIsSyncedOnce) {
  const Project project;
  const charter::tests::DirectorySyncs syncs(project.path("."));
  const auto store = [&] {
    Step step;
    step.id = Value("s");
    StepOutput output;
    output.name = "o";
    return static_cast<bool>(
        ArtifactStore(project.path("artifacts"), "r1").store(step, output, Value("text")));
  };
  syncs.fail(1);
  EXPECT_FALSE(store());
  EXPECT_TRUE(store());
  EXPECT_EQ(syncs.succeeded(), 1);
  EXPECT_TRUE(store());
  EXPECT_EQ(syncs.succeeded(), 1) << "the next ones cost nothing";
}

// From now on this call of the process gives EIO.
bool break_call(unsigned number) {
  std::array<sock_filter, 4> filter{{{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
                                     {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, number},
                                     {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | EIO},
                                     {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW}}};
  const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

// A retried run would begin without the artifacts that its finished steps refer to.
TEST(Artifacts, OfADirectoryThatCannotBeReadAreNotTakenForNone) {
  const Project project;
  const std::string from = project.path("from");
  std::filesystem::create_directory(from);
  write_text(from + "/one.json", "{}");
  const auto inherit = [&] {
    if (!break_call(SYS_getdents64)) std::_Exit(2);
    const auto done = inherit_artifacts(from, project.path("to"));
    std::_Exit(!done && done.error().code == std::errc::io_error ? 0 : 1);
  };
  EXPECT_EXIT(inherit(), ::testing::ExitedWithCode(0), "");
}

#ifdef SYS_link
constexpr unsigned kLink = SYS_link;
#else
constexpr unsigned kLink = SYS_linkat;
#endif

TEST(Artifacts, OfARetryThatDiedWhileCopyingAreCopiedAgain) {
  const Project project;
  const std::string from = project.path("from");
  const std::string to = project.path("to");
  const std::string whole(1 << 20, 'x');
  std::filesystem::create_directory(from);
  write_text(from + "/one.json", whole);
  const auto copy = [&](rlim_t most_bytes) {
    const rlimit limit{most_bytes, most_bytes};
    (void)::signal(SIGXFSZ, SIG_DFL);
    if (::setrlimit(RLIMIT_FSIZE, &limit) != 0 || !break_call(kLink)) std::_Exit(2);
    std::_Exit(inherit_artifacts(from, to) ? 0 : 1);
  };
  EXPECT_EXIT(copy(whole.size() / 2), ::testing::KilledBySignal(SIGXFSZ), "");
  EXPECT_FALSE(std::filesystem::exists(to + "/one.json"));
  EXPECT_EXIT(copy(whole.size()), ::testing::ExitedWithCode(0), "");
  EXPECT_EQ(read_text(to + "/one.json"), whole);
  EXPECT_EQ(entries_in(to), 1U) << "what was begun is not left";
}

TEST(Artifacts, WhatCannotBeSyncedIsNotLeft) {
  const Project project;
  const std::string directory = project.path("artifacts");
  const auto store = [&] {
    if (!break_call(SYS_fdatasync)) std::_Exit(2);
    Step step;
    step.id = Value("s");
    StepOutput output;
    output.name = "o";
    const auto done = ArtifactStore(directory, "r1").store(step, output, Value("text"));
    std::_Exit(done ? 1 : 0);
  };
  EXPECT_EXIT(store(), ::testing::ExitedWithCode(0), "");
  EXPECT_EQ(entries_in(directory), 0U);
}

}  // namespace
}  // namespace charter::worker::testing
