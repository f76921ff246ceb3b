// What a plan may ask for that the engine of this version cannot do. Each line of refusals.cpp
// goes when the engine learns its item.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "worker/json/value.h"
#include "worker/plan/failure.h"

namespace charter::worker {

// What a run would be made of, everything else about it having been found right.
struct RunParts {
  const Object& capabilities;  // as a hand-off carries them
  const std::string& storage_driver;
};

// Why this version refuses the run; names every item once, in the order of the request.
[[nodiscard]] std::optional<Failure> refuse(const RunParts& parts);

}  // namespace charter::worker
