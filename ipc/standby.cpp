#include "ipc/standby.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace charter::ipc {
namespace {

constexpr std::size_t kMostDescriptors = 2;
constexpr std::size_t kMostBytes = 16;

// A short text with descriptors.
class Message {
 public:
  explicit Message(std::size_t bytes) : part_{text_.data(), bytes} {
    header_.msg_iov = &part_;
    header_.msg_iovlen = 1;
    header_.msg_control = space_.data();
    header_.msg_controllen = space_.size();
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  [[nodiscard]] bool send(int socket, std::span<const int> descriptors) {
    header_.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* rights = CMSG_FIRSTHDR(&header_);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
    return ::sendmsg(socket, &header_, MSG_NOSIGNAL | MSG_DONTWAIT) ==
           static_cast<ssize_t>(part_.iov_len);
  }
  // As recvmsg(2).
  [[nodiscard]] ssize_t receive(int socket, int flags) {
    ssize_t got = -1;
    do {
      got = ::recvmsg(socket, &header_, MSG_CMSG_CLOEXEC | flags);
    } while (got < 0 && errno == EINTR);
    return got;
  }
  [[nodiscard]] std::vector<UniqueFd> descriptors() const {
    std::vector<UniqueFd> found;
    const cmsghdr* rights = CMSG_FIRSTHDR(&header_);
    if (rights == nullptr || rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS) {
      return found;
    }
    std::array<int, kMostDescriptors> numbers{};
    const std::size_t bytes = std::min(rights->cmsg_len - CMSG_LEN(0), sizeof numbers);
    std::memcpy(numbers.data(), CMSG_DATA(rights), bytes);
    for (std::size_t i = 0; i < bytes / sizeof(int); ++i) found.emplace_back(numbers[i]);
    return found;
  }
  [[nodiscard]] std::string_view text(ssize_t got) const {
    return {text_.data(), static_cast<std::size_t>(got)};
  }

 private:
  std::array<char, kMostBytes> text_{};
  iovec part_;
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int) * kMostDescriptors)> space_{};
  msghdr header_{};
};

}  // namespace

bool hand_run(int socket, int journal, int job) {
  return Message(1).send(socket, std::array{journal, job});
}

std::optional<HandedRun> receive_run(int socket) {
  Message message(1);
  if (message.receive(socket, 0) != 1) return std::nullopt;
  auto descriptors = message.descriptors();
  if (descriptors.size() != 2) return std::nullopt;
  return HandedRun{std::move(descriptors[0]), std::move(descriptors[1])};
}

bool ask_for_worker(int socket, int run) { return Message(1).send(socket, std::array{run}); }

Result<std::optional<StandingWorker>> receive_worker(int socket) {
  Message message(kMostBytes);
  const ssize_t got = message.receive(socket, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return std::optional<StandingWorker>();
  if (got < 0) return errno_error("receive a worker");
  auto descriptors = message.descriptors();
  const std::string_view text = message.text(got);
  StandingWorker worker;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), worker.pid);
  if (parsed.ec != std::errc() || worker.pid <= 0 || descriptors.size() != 1) {
    return plain_error(got == 0 ? "it has ended" : "it answered something else than a worker");
  }
  worker.process = std::move(descriptors.front());
  return std::optional<StandingWorker>(std::move(worker));
}

}  // namespace charter::ipc
