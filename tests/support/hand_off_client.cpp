#include "tests/support/hand_off_client.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <sstream>

namespace charter::tests {
namespace json = boost::json;

int connect_to(const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof address.sun_path) return -1;
  std::memcpy(address.sun_path, socket.data(), socket.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

bool can_connect(const std::string& socket) {
  const int fd = connect_to(socket);
  if (fd < 0) return false;
  close(fd);
  return true;
}

pid_t listener_of(const std::string& socket) {
  const int fd = connect_to(socket);
  if (fd < 0) return 0;
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool known = getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  close(fd);
  return known ? peer.pid : 0;
}

std::optional<std::string> exchange(const std::string& socket, std::string_view bytes,
                                    milliseconds limit) {
  const int fd = connect_to(socket);
  if (fd < 0) return std::nullopt;
  const auto deadline = Clock::now() + limit;
  std::string answer;
  bool closed = false;
  while (!closed && Clock::now() < deadline) {
    // The daemon may answer before it has read everything, so both directions are watched.
    pollfd watched{fd, static_cast<short>(POLLIN | (bytes.empty() ? 0 : POLLOUT)), 0};
    if (poll(&watched, 1, 50) <= 0) continue;
    if ((watched.revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
      char buffer[65536];
      const ssize_t got = recv(fd, buffer, sizeof buffer, 0);
      if (got > 0) answer.append(buffer, static_cast<std::size_t>(got));
      closed = got == 0 || (got < 0 && errno != EINTR);
    } else if ((watched.revents & POLLOUT) != 0) {
      const ssize_t sent = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
      if (sent < 0 && errno != EAGAIN && errno != EINTR) bytes = {};
    }
  }
  close(fd);
  if (!closed) return std::nullopt;
  return answer;
}

std::string line_of(const HandOff& request) {
  json::object line;
  line["type"] = "start_run";
  line["run_id"] = request.run_id;
  line["workflow_id"] = request.workflow_id;
  line["workflow_path"] = request.workflow_path;
  line["variables"] = request.variables;
  line["capabilities"] = request.capabilities;
  line["workflow_snapshot"] = request.snapshot;
  return json::serialize(line) + "\n";
}

Answer answer_to(const std::string& socket, std::string_view bytes, milliseconds limit) {
  Answer answer;
  const auto raw = exchange(socket, bytes, limit);
  if (!raw) return answer;
  answer.raw = *raw;
  boost::system::error_code bad;
  const auto parsed = json::parse(answer.raw, bad);
  if (bad || !parsed.is_object()) return answer;
  const auto& object = parsed.get_object();
  const auto* ok = object.if_contains("ok");
  answer.ok = ok != nullptr && ok->is_bool() && ok->get_bool();
  answer.error = text_of(object, "error");
  return answer;
}

Answer hand_off(const std::string& socket, const HandOff& request) {
  return answer_to(socket, line_of(request));
}

std::vector<json::object> control(const std::string& socket, std::string_view op,
                                  json::object fields, milliseconds limit) {
  json::object request{{"type", "control"}, {"version", 1}, {"op", op}};
  for (auto& field : fields) request[field.key()] = field.value();
  std::vector<json::object> lines;
  const auto raw = exchange(socket, json::serialize(request) + "\n", limit);
  std::istringstream in(raw.value_or(""));
  for (std::string line; std::getline(in, line);) {
    boost::system::error_code bad;
    auto parsed = json::parse(line, bad);
    if (!bad && parsed.is_object()) lines.push_back(std::move(parsed.get_object()));
  }
  return lines;
}

json::object run_view(const std::string& socket, const std::string& run) {
  const auto lines = control(socket, "status", {{"run_id", run}});
  if (lines.empty()) return {};
  const auto* view = lines.back().if_contains("run");
  return view != nullptr && view->is_object() ? view->get_object() : json::object{};
}

std::string text_of(const json::object& object, std::string_view name) {
  const auto* member = object.if_contains(name);
  if (member == nullptr || !member->is_string()) return {};
  return std::string(member->get_string());
}

bool reaches_state(const std::string& socket, const std::string& run, std::string_view state,
                   milliseconds limit) {
  return eventually(limit, [&] { return text_of(run_view(socket, run), "state") == state; });
}

}  // namespace charter::tests
