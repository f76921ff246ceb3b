#include "supervisor/socket_place.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

namespace charter::supervisor {
namespace {

namespace fs = std::filesystem;

class SocketPlaceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string made = "/tmp/socket-place-XXXXXX";
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    directory_ = made;
    path_ = directory_ + "/daemon.sock";
  }
  void TearDown() override { fs::remove_all(directory_); }

  // A socket somebody bound at `path_`; listening while the descriptor lives.
  ipc::UniqueFd foreign_socket(bool listening) const {
    ipc::UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path_.c_str());
    EXPECT_EQ(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    if (listening) {
      EXPECT_EQ(::listen(socket.get(), 5), 0);
    }
    return socket;
  }
  bool connects() const {
    const ipc::UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path_.c_str());
    return ::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  std::string refusal() const {
    const auto place = SocketPlace::take(path_);
    return place ? "" : place.error().message();
  }

  std::string directory_;
  std::string path_;
};

TEST_F(SocketPlaceTest, EmptyPlaceIsTakenWithModeAndLeavesNothingElse) {
  auto place = SocketPlace::take(path_);
  ASSERT_TRUE(place) << place.error().message();
  struct stat info = {};
  ASSERT_EQ(::lstat(path_.c_str(), &info), 0);
  EXPECT_TRUE(S_ISSOCK(info.st_mode));
  EXPECT_EQ(info.st_mode & 07777U, 0600U);
  EXPECT_TRUE(connects());
  EXPECT_EQ(std::distance(fs::directory_iterator(directory_), {}), 1);
  place->remove();
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(SocketPlaceTest, StaleSocketOfOursIsReplaced) {
  foreign_socket(true);  // closed again: nobody listens
  EXPECT_FALSE(connects());
  const auto place = SocketPlace::take(path_);
  ASSERT_TRUE(place) << place.error().message();
  EXPECT_TRUE(connects());
}

TEST_F(SocketPlaceTest, LiveSocketIsRefusedWhoeverListens) {
  const auto live = foreign_socket(true);
  EXPECT_EQ(refusal(), "charter-daemon is already listening on " + path_);
  EXPECT_TRUE(connects());
}

TEST_F(SocketPlaceTest, LiveSocketWithAFullBacklogIsLiveAllTheSame) {
  const auto live = foreign_socket(true);
  std::vector<ipc::UniqueFd> clients;
  for (int i = 0; i < 20; ++i) {
    clients.emplace_back(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, path_.c_str());
    (void)::connect(clients.back().get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  EXPECT_EQ(refusal(), "charter-daemon is already listening on " + path_);
}

TEST_F(SocketPlaceTest, FileIsRefusedAndUntouched) {
  std::ofstream(path_) << "precious";
  EXPECT_EQ(refusal(), "Socket path exists and is not a socket: " + path_);
  EXPECT_EQ(fs::file_size(path_), 8U);
}

TEST_F(SocketPlaceTest, LinkIsRefusedAndUntouched) {
  fs::create_symlink(directory_ + "/elsewhere", path_);
  EXPECT_EQ(refusal(), "Socket path is a symbolic link: " + path_);
  EXPECT_TRUE(fs::is_symlink(path_));
}

TEST_F(SocketPlaceTest, PathThatDoesNotFitNamesTheVariable) {
  path_ = directory_ + "/" + std::string(120, 'x');
  EXPECT_NE(refusal().find("CHARTER_DAEMON_SOCKET"), std::string::npos);
}

TEST_F(SocketPlaceTest, LongestPossiblePathWorks) {
  path_ = directory_ + "/" + std::string(107 - directory_.size() - 1, 'x');
  ASSERT_EQ(path_.size(), 107U);
  const auto place = SocketPlace::take(path_);
  ASSERT_TRUE(place) << place.error().message();
  EXPECT_TRUE(connects());
}

TEST_F(SocketPlaceTest, SocketOfASuccessorIsNotRemoved) {
  auto place = SocketPlace::take(path_);
  ASSERT_TRUE(place);
  ASSERT_EQ(::unlink(path_.c_str()), 0);
  const auto successor = SocketPlace::take(path_);
  ASSERT_TRUE(successor);
  place->remove();
  EXPECT_TRUE(fs::exists(path_));
}

}  // namespace
}  // namespace charter::supervisor
