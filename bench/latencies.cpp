#include "bench/latencies.h"

#include <algorithm>
#include <cmath>

namespace charter::bench {

double Latencies::ms(double share) const {
  if (ns_.empty()) return 0;
  auto sorted = ns_;
  std::sort(sorted.begin(), sorted.end());
  // The nearest rank: the smallest value that at least `share` of all do not exceed.
  const auto rank = std::ceil(share * static_cast<double>(sorted.size()));
  const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  return static_cast<double>(sorted[std::min(index, sorted.size() - 1)]) / 1e6;
}

}  // namespace charter::bench
