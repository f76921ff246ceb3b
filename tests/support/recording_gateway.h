// The test's view of a recorder process (recorder/main.cpp): what arrived, and commands back.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/files.h"

namespace charter::tests {

struct Message {
  std::int64_t at_ns = 0;  // CLOCK_MONOTONIC
  unsigned connection = 0;
  std::string text;
  boost::json::object json;  // empty for notes, which begin with '!'
  std::string type;          // its "type", or the note's first word
};

class RecordingGateway {
 public:
  // `protocol`: json, or capnp for charter.capnp.v1. Every test that does not care can be run in
  // the other one, by CHARTER_TEST_PROTOCOL.
  explicit RecordingGateway(std::string protocol = {});
  ~RecordingGateway();

  [[nodiscard]] std::string url() const;

  // Everything so far, in order of arrival, over all connections and restarts.
  [[nodiscard]] std::vector<Message> messages();
  [[nodiscard]] std::vector<Message> of_type(std::string_view type);
  [[nodiscard]] std::vector<Message> announcements(const std::string& run);
  // A run's events, each seq once, ascending: what a gateway that ignores repeats has.
  [[nodiscard]] std::vector<boost::json::object> events(const std::string& run);
  [[nodiscard]] std::vector<std::string> event_kinds(const std::string& run);

  // Empty when the run's events are what section 3 promises: ascending on each connection,
  // dense from 0, repeats identical, announced first, at most one terminal event and nothing
  // behind it. Otherwise what is wrong.
  [[nodiscard]] std::string order_faults(const std::string& run);
  [[nodiscard]] bool wait_for_event(const std::string& run, std::string_view kind,
                                    milliseconds limit = kRunTime);
  // Complete, Failed or Cancelled; returns its kind, or empty.
  [[nodiscard]] std::string wait_for_end(const std::string& run, milliseconds limit = kRunTime);
  [[nodiscard]] bool wait_for(std::string_view type, std::size_t count = 1,
                              milliseconds limit = kSoon);

  void send(std::string_view text);
  void send(const boost::json::object& message) { send(boost::json::serialize(message)); }
  void drop_connections() { send("!drop"); }
  void signal(int number) const { child_.signal(number); }
  void kill() { child_.kill(); }
  // Waits until what was sent to it and is still in the kernel stays the same for a while: all
  // that a daemon hands to a gateway that does not read.
  [[nodiscard]] bool wait_until_nothing_moves() const;
  // On the same port and into the same record.
  void restart();

 private:
  void launch();
  void read_on();
  // What names this run, as far as it is known; places in messages_.
  [[nodiscard]] const std::vector<std::size_t>& about(const std::string& run);
  TempDir directory_;
  std::string protocol_;
  ChildProcess child_;
  std::string port_ = "0";
  int input_ = -1;
  std::vector<Message> messages_;
  std::map<std::string, std::vector<std::size_t>> by_run_;
  std::size_t read_to_ = 0;
};

[[nodiscard]] bool is_terminal(std::string_view event_kind);

}  // namespace charter::tests
