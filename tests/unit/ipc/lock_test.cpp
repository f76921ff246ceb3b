#include "ipc/lock.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scratch.h"

namespace charter::ipc {
namespace {

class Lock : public Scratch {
 protected:
  [[nodiscard]] UniqueFd open() const {
    return UniqueFd(::open(path("lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  }

  // Starts a process that holds copies of this one's descriptors until it is ended.
  static pid_t fork_holder() {
    const pid_t child = ::fork();
    if (child == 0) {
      for (;;) ::pause();
    }
    return child;
  }
  static void end(pid_t child) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
};

TEST_F(Lock, excludes_another_description_even_in_the_same_process) {
  const UniqueFd one = open();
  const UniqueFd two = open();
  EXPECT_TRUE(*try_lock(one.get()));
  EXPECT_TRUE(*try_lock(one.get())) << "the owner has it already";
  EXPECT_FALSE(*try_lock(two.get()));
  EXPECT_TRUE(*is_locked(two.get()));
  EXPECT_FALSE(*is_locked(one.get())) << "one's own lock is no other's";
  EXPECT_TRUE(unlock(one.get()));
  EXPECT_FALSE(*is_locked(two.get()));
  EXPECT_TRUE(*try_lock(two.get()));
}

TEST_F(Lock, lives_as_long_as_an_inherited_copy) {
  UniqueFd owner = open();
  const UniqueFd other = open();
  ASSERT_TRUE(*try_lock(owner.get()));
  const pid_t child = fork_holder();
  ASSERT_GT(child, 0);
  owner.reset();
  EXPECT_TRUE(*is_locked(other.get())) << "the child has the description";
  end(child);
  EXPECT_FALSE(*is_locked(other.get()));
  EXPECT_TRUE(*try_lock(other.get()));
}

TEST_F(Lock, is_waited_for) {
  UniqueFd owner = open();
  ASSERT_TRUE(*try_lock(owner.get()));
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const UniqueFd reading(ends[0]);
  UniqueFd writing(ends[1]);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    owner.reset();
    const UniqueFd mine = open();
    const char byte = 'x';
    (void)!::write(writing.get(), &byte, 1);  // about to wait
    const bool locked = lock(mine.get()).has_value();
    ::_exit(locked ? 0 : 1);
  }
  char byte = 0;
  ASSERT_EQ(::read(reading.get(), &byte, 1), 1);
  EXPECT_EQ(::waitpid(child, nullptr, WNOHANG), 0);
  ASSERT_TRUE(unlock(owner.get()));
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(Lock, says_why_it_cannot_be_taken) {
  EXPECT_EQ(try_lock(-1).error().code, std::errc::bad_file_descriptor);
  EXPECT_FALSE(is_locked(-1));
  EXPECT_FALSE(lock(-1));
  EXPECT_FALSE(unlock(-1));
}

TEST_F(Lock, can_be_looked_at_through_a_read_only_descriptor) {
  const UniqueFd owner = open();
  const UniqueFd looker(::open(path("lock").c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(*is_locked(looker.get()));
  ASSERT_TRUE(*try_lock(owner.get()));
  EXPECT_TRUE(*is_locked(looker.get()));
}

}  // namespace
}  // namespace charter::ipc
