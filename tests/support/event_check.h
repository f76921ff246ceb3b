// What a gateway must be able to rely on, checked as the messages arrive and without keeping them,
// so that a million events are no matter.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace charter::tests {

class EventCheck {
 public:
  // A stock message that arrived on a connection. Any thread.
  void take(std::size_t connection, std::string_view message);

  // Events of a run, repeats not counted, and the kind of its terminal one, or empty.
  [[nodiscard]] std::size_t events(const std::string& run) const;
  [[nodiscard]] std::string end(const std::string& run) const;
  [[nodiscard]] std::size_t all_events() const;
  // How many of the runs have ended.
  [[nodiscard]] std::size_t ended() const;
  // Empty when the run's events are dense from 0, ascend on each connection behind an announcement
  // there, repeats are identical and the terminal one is the last. Otherwise what is wrong.
  [[nodiscard]] std::string faults(const std::string& run) const;
  // The messages of a type that is none of events, heartbeats and announcements.
  [[nodiscard]] std::vector<std::string> others() const;

 private:
  struct Tale {
    std::vector<std::size_t> hashes;  // by seq; 0: not seen
    std::size_t seen = 0;
    std::size_t connection = 0;  // of the latest announcement
    bool announced = false;
    std::int64_t last = -1;  // seq on that connection
    std::int64_t end_seq = -1;
    std::string end;
    std::string fault;
  };
  void take_event(Tale& tale, std::size_t connection, std::string_view message);

  mutable std::mutex mutex_;
  std::map<std::string, Tale, std::less<>> runs_;
  std::vector<std::string> others_;
};

}  // namespace charter::tests
