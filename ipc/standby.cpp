#include "ipc/standby.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace charter::ipc {
namespace {

using Descriptors = std::array<int, 2>;  // journal, job

// A message of one byte with room for the descriptors.
class Message {
 public:
  Message() {
    header_.msg_iov = &part_;
    header_.msg_iovlen = 1;
    header_.msg_control = space_.data();
    header_.msg_controllen = space_.size();
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  void put(const Descriptors& descriptors) {
    cmsghdr* rights = CMSG_FIRSTHDR(&header_);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof descriptors);
    std::memcpy(CMSG_DATA(rights), descriptors.data(), sizeof descriptors);
  }
  [[nodiscard]] std::optional<Descriptors> take() const {
    const cmsghdr* rights = CMSG_FIRSTHDR(&header_);
    if (rights == nullptr || rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS ||
        rights->cmsg_len != CMSG_LEN(sizeof(Descriptors))) {
      return std::nullopt;
    }
    Descriptors descriptors{};
    std::memcpy(descriptors.data(), CMSG_DATA(rights), sizeof descriptors);
    return descriptors;
  }
  [[nodiscard]] msghdr* header() { return &header_; }

 private:
  char byte_ = 0;
  iovec part_{&byte_, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(Descriptors))> space_{};
  msghdr header_{};
};

}  // namespace

bool hand_run(int socket, int journal, int job) {
  Message message;
  message.put({journal, job});
  return ::sendmsg(socket, message.header(), MSG_NOSIGNAL | MSG_DONTWAIT) == 1;
}

std::optional<HandedRun> receive_run(int socket) {
  Message message;
  ssize_t got = -1;
  do {
    got = ::recvmsg(socket, message.header(), MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  const auto descriptors = got == 1 ? message.take() : std::nullopt;
  if (!descriptors) return std::nullopt;
  return HandedRun{UniqueFd((*descriptors)[0]), UniqueFd((*descriptors)[1])};
}

}  // namespace charter::ipc
