#include "ipc/doorbell.h"

#include <gmock/gmock.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/layout.h"
#include "ipc/peer.h"
#include "scratch.h"

namespace charter::ipc {
namespace {

using ::testing::HasSubstr;

constexpr int kPacketTimeoutMs = 10'000;
constexpr std::int64_t kReconnectTimeoutMs = 10'000;

bool readable(int fd, int timeout_ms) {
  pollfd ready{fd, POLLIN, 0};
  return ::poll(&ready, 1, timeout_ms) == 1;
}

class DoorbellTest : public Scratch {
 protected:
  [[nodiscard]] std::string socket_path() const { return path("bell"); }
  [[nodiscard]] Doorbell bell() const {
    return Doorbell(socket_path(), Hello{kDoorbellVersion, "run-1", "secret", 42});
  }

  static UniqueFd accept(int listener) {
    if (!readable(listener, kPacketTimeoutMs)) return {};
    return UniqueFd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  }
  // The next packet; empty at the end of the connection or when none comes.
  static std::string packet(int fd) {
    if (!readable(fd, kPacketTimeoutMs)) return {};
    std::string bytes(4096, '\0');
    const ssize_t got = ::recv(fd, bytes.data(), bytes.size(), 0);
    bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return bytes;
  }
};

TEST_F(DoorbellTest, says_who_it_is_and_then_only_lengths) {
  const auto listener = listen_doorbell(socket_path());
  ASSERT_TRUE(listener) << listener.error().message();
  Doorbell engine = bell();
  engine.ring(100);
  engine.ring(200);
  const UniqueFd heard = accept(listener->get());
  ASSERT_TRUE(heard);
  const auto hello = decode_hello(packet(heard.get()));
  ASSERT_TRUE(hello);
  EXPECT_EQ(hello->run_id, "run-1");
  EXPECT_EQ(hello->secret, "secret");
  EXPECT_EQ(hello->pid, 42);
  EXPECT_EQ(*decode_ring(packet(heard.get())), 100U);
  EXPECT_EQ(*decode_ring(packet(heard.get())), 200U);
}

TEST_F(DoorbellTest, is_silent_when_nobody_listens) {
  Doorbell engine = bell();
  engine.ring(1);
  engine.keep_alive(1);
  EXPECT_EQ(engine.fd(), -1);
  Doorbell lost("/no/such/place/bell", Hello{});
  lost.ring(1);
  Doorbell endless(std::string(500, 'x'), Hello{});
  endless.ring(1);
}

TEST_F(DoorbellTest, never_blocks_when_the_supervisor_does_not_read) {
  const auto listener = listen_doorbell(socket_path());
  Doorbell engine = bell();
  constexpr std::uint64_t kRings = 100'000;
  for (std::uint64_t length = 1; length <= kRings; ++length) engine.ring(length);
  EXPECT_NE(engine.fd(), -1) << "a full queue is no lost connection";
  const UniqueFd heard = accept(listener->get());
  EXPECT_TRUE(decode_hello(packet(heard.get())));
  EXPECT_EQ(*decode_ring(packet(heard.get())), 1U) << "a ring is pending";
}

TEST_F(DoorbellTest, comes_back_to_a_restarted_supervisor_while_the_run_is_quiet) {
  auto listener = listen_doorbell(socket_path());
  Doorbell engine = bell();
  engine.ring(1);
  {
    const UniqueFd heard = accept(listener->get());
    ASSERT_TRUE(heard);
  }
  *listener = UniqueFd();
  engine.keep_alive(2);
  EXPECT_EQ(engine.fd(), -1) << "the end of the connection is noticed without a ring";

  listener = listen_doorbell(socket_path());
  ASSERT_TRUE(listener) << listener.error().message();
  const std::int64_t give_up = boot_ms() + kReconnectTimeoutMs;
  while (!readable(listener->get(), 10) && boot_ms() < give_up) engine.keep_alive(3);
  const UniqueFd heard = accept(listener->get());
  ASSERT_TRUE(heard);
  EXPECT_EQ(decode_hello(packet(heard.get()))->run_id, "run-1");
  EXPECT_EQ(*decode_ring(packet(heard.get())), 3U);
}

TEST_F(DoorbellTest, tries_again_at_most_every_tenth_of_a_second) {
  Doorbell engine = bell();
  const std::int64_t before = boot_ms();
  engine.ring(1);  // nobody listens yet
  const auto listener = listen_doorbell(socket_path());
  engine.ring(2);
  if (boot_ms() - before < 100) {
    EXPECT_EQ(engine.fd(), -1);
  }
}

TEST_F(DoorbellTest, listens_where_only_this_user_can_ring) {
  const auto listener = listen_doorbell(socket_path());
  ASSERT_TRUE(listener);
  struct stat info {};
  ASSERT_EQ(::lstat(socket_path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);

  ASSERT_EQ(::chmod(directory_.c_str(), 0755), 0);
  EXPECT_THAT(listen_doorbell(path("other")).error().message(), HasSubstr("private"));
  ASSERT_EQ(::chmod(directory_.c_str(), 0700), 0);

  ASSERT_EQ(::mkdir(path("real").c_str(), 0700), 0);
  ASSERT_EQ(::symlink(path("real").c_str(), path("link").c_str()), 0);
  EXPECT_FALSE(listen_doorbell(path("link/bell")));
}

TEST_F(DoorbellTest, removes_only_a_socket_that_nobody_listens_on) {
  {
    const auto listener = listen_doorbell(socket_path());
    ASSERT_TRUE(listener);
    EXPECT_EQ(listen_doorbell(socket_path()).error().code, std::errc::address_in_use);
  }
  EXPECT_TRUE(listen_doorbell(socket_path())) << "what a dead supervisor left is replaced";

  write_file(path("file"), "precious");
  EXPECT_FALSE(listen_doorbell(path("file")));
  EXPECT_EQ(read_file(path("file")), "precious");
}

TEST_F(DoorbellTest, refuses_a_path_that_fits_no_address) {
  const std::string longest = directory_ + "/" + std::string(kMaxSocketPath, 'x');
  EXPECT_THAT(listen_doorbell(longest).error().message(), HasSubstr("at most 107"));
  EXPECT_TRUE(listen_doorbell(longest.substr(0, kMaxSocketPath)));
}

TEST(Hello, of_another_version_is_refused_naming_both) {
  Hello hello;
  hello.version = 9;
  EXPECT_THAT(decode_hello(encode(hello)).error().message(),
              testing::AllOf(HasSubstr("version 9"), HasSubstr("version 1")));
}

TEST(Ring, is_eight_bytes) {
  EXPECT_FALSE(decode_ring(""));
  EXPECT_FALSE(decode_ring("1234567"));
  EXPECT_FALSE(decode_ring("123456789"));
  EXPECT_FALSE(decode_hello(std::string(8, '\x01'))) << "a ring is no hello";
}

}  // namespace
}  // namespace charter::ipc
