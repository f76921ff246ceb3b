// What has to hold for a stored workflow: read back, it is the same.
#pragma once

#include "check.h"
#include "worker/json/value.h"
#include "worker/plan/workflow.h"

inline void check_snapshot(const charter::worker::Value& snapshot) {
  const auto again = charter::worker::workflow_from_snapshot(snapshot);
  CHARTER_CHECK(again && dump(snapshot_of(*again)) == dump(snapshot));
}
