#include "tests/support/recording_gateway.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <map>
#include <sstream>
#include <stdexcept>

#include "tests/support/hand_off_client.h"

namespace charter::tests {
namespace json = boost::json;
namespace {

Message parse_line(std::string_view line) {
  Message message;
  const auto first = line.find(' ');
  const auto second = line.find(' ', first + 1);
  message.at_ns = std::stoll(std::string(line.substr(0, first)));
  message.connection =
      static_cast<unsigned>(std::stoul(std::string(line.substr(first + 1, second - first - 1))));
  message.text = line.substr(second + 1);
  if (message.text.starts_with('!')) {
    message.type = message.text.substr(0, message.text.find(' '));
    return message;
  }
  boost::system::error_code bad;
  auto parsed = json::parse(message.text, bad);
  if (!bad && parsed.is_object()) message.json = std::move(parsed.get_object());
  message.type = text_of(message.json, "type");
  return message;
}

std::int64_t seq_of(const json::object& event) {
  const auto* seq = event.if_contains("seq");
  return seq != nullptr && seq->is_int64() ? seq->get_int64() : -1;
}

std::string kind_of(const json::object& message) {
  const auto* event = message.if_contains("event");
  return event != nullptr && event->is_object() ? text_of(event->get_object(), "kind") : "";
}

// Bytes in the kernel's queues of all connections from or to a port, from /proc/net/tcp.
std::uint64_t bytes_under_way(const std::string& port) {
  char suffix[8];
  std::snprintf(suffix, sizeof suffix, ":%04X", static_cast<unsigned>(std::stoul(port)));
  std::uint64_t bytes = 0;
  for (const auto& line : lines_of("/proc/net/tcp")) {
    std::istringstream fields(line);
    std::string number, local, remote, state, queues;
    fields >> number >> local >> remote >> state >> queues;
    if (!local.ends_with(suffix) && !remote.ends_with(suffix)) continue;
    const auto colon = queues.find(':');
    bytes += std::stoull(queues.substr(0, colon), nullptr, 16);
    bytes += std::stoull(queues.substr(colon + 1), nullptr, 16);
  }
  return bytes;
}

}  // namespace

bool is_terminal(std::string_view kind) {
  return kind == "RunCompleteEvent" || kind == "RunFailedEvent" || kind == "RunCancelledEvent";
}

RecordingGateway::RecordingGateway(std::string protocol)
    : directory_("charter-gw"), protocol_(std::move(protocol)) {
  const char* usual = std::getenv("CHARTER_TEST_PROTOCOL");
  if (protocol_.empty()) protocol_ = usual == nullptr ? "json" : usual;
  launch();
}

RecordingGateway::~RecordingGateway() {
  if (input_ >= 0) close(input_);
}

void RecordingGateway::launch() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("pipe");
  if (input_ >= 0) close(input_);
  input_ = ends[1];
  const std::string port_file = directory_ / "port";
  write_file(port_file, "");
  ChildSpec spec;
  spec.argv = {CHARTER_RECORDER, directory_ / "record", port_, "--protocol", protocol_};
  spec.input = ends[0];
  spec.output = port_file;
  spec.errors = directory_ / "errors";
  child_ = ChildProcess(spec);
  close(ends[0]);
  const bool listening = eventually(kSoon, [&] { return read_file(port_file).ends_with('\n'); });
  if (!listening) throw std::runtime_error("recorder: " + read_file(spec.errors));
  port_ = read_file(port_file);
  port_.pop_back();
}

void RecordingGateway::restart() {
  child_.kill();
  launch();
}

bool RecordingGateway::wait_until_nothing_moves() const {
  std::uint64_t last = 0;
  auto since_when = Clock::now();
  return eventually(kSoon, [&] {
    const auto bytes = bytes_under_way(port_);
    if (bytes != last) since_when = Clock::now();
    last = bytes;
    return bytes > 0 && since(since_when) > milliseconds(300);
  });
}

std::string RecordingGateway::url() const { return "http://127.0.0.1:" + port_; }

void RecordingGateway::read_on() {
  const std::string record = directory_ / "record";
  const int fd = open(record.c_str(), O_RDONLY | O_CLOEXEC);
  std::string fresh;
  char buffer[65536];
  for (ssize_t got;
       (got = pread(fd, buffer, sizeof buffer, static_cast<off_t>(read_to_ + fresh.size()))) > 0;) {
    fresh.append(buffer, static_cast<std::size_t>(got));
  }
  if (fd >= 0) close(fd);
  std::size_t at = 0;
  for (std::size_t end; (end = fresh.find('\n', at)) != std::string::npos; at = end + 1) {
    messages_.push_back(parse_line(std::string_view(fresh).substr(at, end - at)));
    const auto run = text_of(messages_.back().json, "run_id");
    if (!run.empty()) by_run_[run].push_back(messages_.size() - 1);
  }
  read_to_ += at;
}

const std::vector<std::size_t>& RecordingGateway::about(const std::string& run) {
  read_on();
  return by_run_[run];
}

std::vector<Message> RecordingGateway::messages() {
  read_on();
  return messages_;
}

std::vector<Message> RecordingGateway::of_type(std::string_view type) {
  read_on();
  std::vector<Message> found;
  std::copy_if(messages_.begin(), messages_.end(), std::back_inserter(found),
               [&](const Message& message) { return message.type == type; });
  return found;
}

std::vector<Message> RecordingGateway::announcements(const std::string& run) {
  std::vector<Message> found;
  for (const auto at : about(run)) {
    if (messages_[at].type == "run.announced") found.push_back(messages_[at]);
  }
  return found;
}

std::vector<json::object> RecordingGateway::events(const std::string& run) {
  std::map<std::int64_t, json::object> by_seq;
  for (const auto at : about(run)) {
    const Message& message = messages_[at];
    if (message.type != "run.event") continue;
    by_seq.emplace(seq_of(message.json), message.json.at("event").get_object());
  }
  std::vector<json::object> events;
  for (auto& [seq, event] : by_seq) events.push_back(std::move(event));
  return events;
}

std::vector<std::string> RecordingGateway::event_kinds(const std::string& run) {
  std::map<std::int64_t, std::string> by_seq;
  for (const auto at : about(run)) {
    const Message& message = messages_[at];
    if (message.type == "run.event") by_seq.emplace(seq_of(message.json), kind_of(message.json));
  }
  std::vector<std::string> kinds;
  for (auto& [seq, kind] : by_seq) kinds.push_back(std::move(kind));
  return kinds;
}

std::string RecordingGateway::order_faults(const std::string& run) {
  std::map<unsigned, std::int64_t> last;  // by connection
  std::map<unsigned, bool> announced;
  std::map<std::int64_t, const Message*> seen;
  for (const auto place : about(run)) {
    const Message& message = messages_[place];
    const auto where = " on connection " + std::to_string(message.connection);
    if (message.type == "run.announced") announced[message.connection] = true;
    if (message.type != "run.event") continue;
    const auto seq = seq_of(message.json);
    if (!announced[message.connection])
      return "seq " + std::to_string(seq) + " before its run" + where;
    const auto [at, first] = last.emplace(message.connection, -1);
    if (seq <= at->second) {
      return "seq " + std::to_string(seq) + " after " + std::to_string(at->second) + where;
    }
    at->second = seq;
    const auto [known, fresh] = seen.emplace(seq, &message);
    if (!fresh && known->second->text != message.text) {
      return "seq " + std::to_string(seq) + " is two events: " + known->second->text + " and " +
             message.text;
    }
  }
  std::int64_t expected = 0;
  bool ended = false;
  for (const auto& [seq, message] : seen) {
    if (seq != expected++) return "seq " + std::to_string(expected - 1) + " is missing";
    if (ended) return "an event behind the terminal one: " + message->text;
    ended = is_terminal(kind_of(message->json));
  }
  return {};
}

bool RecordingGateway::wait_for_event(const std::string& run, std::string_view kind,
                                      milliseconds limit) {
  return eventually(limit, [&] {
    for (const auto& found : event_kinds(run)) {
      if (found == kind) return true;
    }
    return false;
  });
}

std::string RecordingGateway::wait_for_end(const std::string& run, milliseconds limit) {
  std::string last;
  const bool ended = eventually(limit, [&] {
    const auto kinds = event_kinds(run);
    last = kinds.empty() ? "" : kinds.back();
    return is_terminal(last);
  });
  return ended ? last : "";
}

bool RecordingGateway::wait_for(std::string_view type, std::size_t count, milliseconds limit) {
  return eventually(limit, [&] { return of_type(type).size() >= count; });
}

void RecordingGateway::send(std::string_view text) {
  const std::string line = std::string(text) + "\n";
  if (write(input_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) {
    throw std::runtime_error("recorder: its input is gone");
  }
}

}  // namespace charter::tests
