// A step's declared inputs and outputs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "worker/plan/problems.h"
#include "worker/plan/workflow.h"

namespace charter::worker {

// Which step declared an output name first: names are unique over a whole plan.
class SeenOutputs {
 public:
  // False, and a problem, when another step has the name.
  bool add(const std::string& name, const std::string& step, Problems& problems);

 private:
  std::map<std::string, std::string> steps_;
};

// `step` is the step's id as messages show it. `raw` may be null: nothing declared.
[[nodiscard]] std::vector<StepInput> parse_inputs(const Value& raw, const std::string& step,
                                                  Problems& problems);
[[nodiscard]] std::vector<StepOutput> parse_outputs(const Value& raw, const std::string& step,
                                                    Problems& problems, SeenOutputs& seen);

}  // namespace charter::worker
