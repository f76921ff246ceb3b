// What a monitoring system is told of the daemon: /metrics, /healthz and /readyz. No run's id, no
// workflow's name and nothing of what runs work on is among it.
#pragma once

#include <cstddef>
#include <string>

#include "supervisor/link/link.h"
#include "supervisor/metrics.h"
#include "supervisor/registry.h"

namespace charter::supervisor {

// What is looked at when somebody asks.
struct Figures {
  const Registry& registry;
  const Metrics& metrics;
  LinkStatus link;
  std::string gateway;  // its URL, without credentials
  int max_runs = 0;
  std::size_t held_back = 0;  // executing runs, by their limit of processors
  bool draining = false;
  bool holding = false;
  bool disk_short = false;
  bool ledger_trouble = false;
};

// In Prometheus's text format. Visits every run that is not over and delivered.
[[nodiscard]] std::string metrics_text(const Figures& figures);

}  // namespace charter::supervisor
