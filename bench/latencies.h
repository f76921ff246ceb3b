// Order statistics of a measurement.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace charter::bench {

class Latencies {
 public:
  void add(std::int64_t ns) { ns_.push_back(ns); }
  void add(const Latencies& other) { ns_.insert(ns_.end(), other.ns_.begin(), other.ns_.end()); }

  [[nodiscard]] std::size_t count() const { return ns_.size(); }
  // Milliseconds within which `share` of the values lie; 0 without values.
  [[nodiscard]] double ms(double share) const;

 private:
  std::vector<std::int64_t> ns_;
};

}  // namespace charter::bench
