// The parts of a sandbox by themselves; tests/integration/sandbox_test.cpp has the whole.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "worker/sandbox/landlock.h"
#include "worker/sandbox/scratch.h"
#include "worker/sandbox/syscall_filter.h"

namespace charter::worker {
namespace {

namespace fs = std::filesystem;

class ScratchTest : public ::testing::Test {
 protected:
  ScratchTest() {
    std::string path = "/tmp/charter-scratch-XXXXXX";
    EXPECT_NE(::mkdtemp(path.data()), nullptr);
    root_ = path;
  }
  ~ScratchTest() override { fs::remove_all(root_); }
  std::string root_;
};

TEST_F(ScratchTest, IsEverybodysWhateverTheUmask) {
  const mode_t before = ::umask(0777);
  const auto made = make_scratch(root_ + "/one");
  ::umask(before);
  ASSERT_TRUE(made);
  struct stat info {};
  ASSERT_EQ(::stat((root_ + "/one").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 01777U);
  EXPECT_TRUE(make_scratch(root_ + "/one")) << "of the burst before";
}

TEST_F(ScratchTest, InThePlaceOfALinkIsRefused) {
  fs::create_directory(root_ + "/elsewhere");
  fs::create_directory_symlink(root_ + "/elsewhere", root_ + "/one");
  EXPECT_FALSE(make_scratch(root_ + "/one"));
}

// Deeper than a path may be long, without permissions, and beside what looks like its own.
TEST_F(ScratchTest, IsRemovedWhateverARunLeftInIt) {
  const std::string one = root_ + "/one";
  ASSERT_TRUE(make_scratch(one));
  fs::create_directory(root_ + "/kept");
  std::ofstream(root_ + "/kept/file") << "kept";
  fs::create_directory_symlink(root_ + "/kept", one + "/link");
  fs::create_directories(one + "/.removed-1/.removed-2");
  std::ofstream(one + "/.removed-1/file") << "x";
  fs::create_directories(one + "/closed/below");
  std::ofstream(one + "/closed/below/file") << "x";
  ASSERT_EQ(::chmod((one + "/closed/below").c_str(), 0), 0);
  ASSERT_EQ(::chmod((one + "/closed").c_str(), 0), 0);
  const int here = ::open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_EQ(::chdir(one.c_str()), 0);
  const std::string name(200, 'd');
  for (int depth = 0; depth < 100; ++depth) {
    ASSERT_EQ(::mkdir(name.c_str(), 0755), 0);
    ASSERT_EQ(::chdir(name.c_str()), 0);
  }
  ASSERT_EQ(::fchdir(here), 0);
  ::close(here);
  const auto removed = remove_tree(one);
  EXPECT_TRUE(removed) << removed.error().message();
  EXPECT_FALSE(fs::exists(one));
  EXPECT_TRUE(fs::exists(root_ + "/kept/file"));
  EXPECT_TRUE(remove_tree(one)) << "it is gone already";
}

// What a program that is not the kernel makes of the filter, for any call.
std::uint32_t verdict(const std::vector<sock_filter>& filter, const seccomp_data& call) {
  std::uint32_t accumulator = 0;
  for (std::size_t at = 0; at < filter.size(); ++at) {
    const sock_filter& one = filter[at];
    bool jump = false;
    switch (one.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&call) + one.k, sizeof accumulator);
        continue;
      case BPF_RET | BPF_K:
        return one.k;
      case BPF_JMP | BPF_JEQ | BPF_K:
        jump = accumulator == one.k;
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        jump = (accumulator & one.k) != 0;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        jump = accumulator >= one.k;
        break;
      default:
        ADD_FAILURE() << "an instruction of another kind: " << one.code;
        return 0;
    }
    at += jump ? one.jt : one.jf;
  }
  ADD_FAILURE() << "the filter ends without an answer";
  return 0;
}

seccomp_data call_of(long number, std::initializer_list<std::uint64_t> arguments = {}) {
  seccomp_data call{};
  call.nr = static_cast<int>(number);
#if defined(__x86_64__)
  call.arch = AUDIT_ARCH_X86_64;
#else
  call.arch = AUDIT_ARCH_AARCH64;
#endif
  std::size_t at = 0;
  for (const std::uint64_t argument : arguments) call.args[at++] = argument;
  return call;
}

constexpr std::uint32_t kNotPermitted = SECCOMP_RET_ERRNO | EPERM;
constexpr std::uint32_t kUnknown = SECCOMP_RET_ERRNO | ENOSYS;

TEST(SyscallFilter, LooksAtArgumentsOnlyWhereTheyMatter) {
  const auto filter = syscall_filter();
  constexpr std::uint64_t kHigh = 0xffffffff00000000U;  // what lies there is no matter
  EXPECT_EQ(verdict(filter, call_of(SYS_read)), SECCOMP_RET_ALLOW);
  EXPECT_EQ(verdict(filter, call_of(SYS_ptrace)), SECCOMP_RET_ALLOW);
  EXPECT_EQ(verdict(filter, call_of(SYS_io_uring_setup)), kNotPermitted);
  EXPECT_EQ(verdict(filter, call_of(SYS_clone3)), kUnknown);
  EXPECT_EQ(verdict(filter, call_of(SYS_openat2)), kUnknown);
  EXPECT_EQ(verdict(filter, call_of(SYS_clone, {0x11})), SECCOMP_RET_ALLOW);
  EXPECT_EQ(verdict(filter, call_of(SYS_clone, {kHigh | 0x10000000})), kNotPermitted);
  EXPECT_EQ(verdict(filter, call_of(SYS_ioctl, {1, 0x5401})), SECCOMP_RET_ALLOW);
  EXPECT_EQ(verdict(filter, call_of(SYS_ioctl, {1, kHigh | 0x5412})), kNotPermitted) << "TIOCSTI";
  EXPECT_EQ(verdict(filter, call_of(SYS_ioctl, {1, 0x541c})), kNotPermitted) << "TIOCLINUX";
  EXPECT_EQ(verdict(filter, call_of(SYS_fchmod, {3, 0755})), SECCOMP_RET_ALLOW);
  EXPECT_EQ(verdict(filter, call_of(SYS_fchmod, {3, 04755})), kNotPermitted);
  EXPECT_EQ(verdict(filter, call_of(SYS_fchmodat, {3, 0, 02755})), kNotPermitted);
  constexpr std::uint64_t kCreate = 0100;
  EXPECT_EQ(verdict(filter, call_of(SYS_openat, {3, 0, kCreate, 04644})), kNotPermitted);
  EXPECT_EQ(verdict(filter, call_of(SYS_openat, {3, 0, kCreate, 0644})), SECCOMP_RET_ALLOW);
  EXPECT_EQ(verdict(filter, call_of(SYS_openat, {3, 0, 0, ~0UL})), SECCOMP_RET_ALLOW)
      << "there is no mode where nothing is created";
}

TEST(SyscallFilter, RefusesEveryCallOfAnotherArchitecture) {
  const auto filter = syscall_filter();
  for (long number = 0; number < 512; ++number) {
    seccomp_data call = call_of(number);
    call.arch = AUDIT_ARCH_I386;
    EXPECT_EQ(verdict(filter, call), kNotPermitted) << number;
#if defined(__x86_64__)
    EXPECT_EQ(verdict(filter, call_of(0x40000000 + number)), kNotPermitted) << number;
#endif
  }
}

TEST(Landlock, GapsGoAwayWithItsVersions) {
  std::size_t before = landlock_gaps(1).size();
  EXPECT_EQ(before, 4U);
  for (int version = 2; version <= 6; ++version) {
    const std::size_t now = landlock_gaps(version).size();
    EXPECT_LE(now, before) << version;
    before = now;
  }
  EXPECT_EQ(before, 0U);
}

}  // namespace
}  // namespace charter::worker
