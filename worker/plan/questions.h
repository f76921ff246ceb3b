// The form of an input step: its questions, and which output takes which answer.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "worker/plan/problems.h"
#include "worker/plan/step_io.h"
#include "worker/plan/workflow.h"

namespace charter::worker {

[[nodiscard]] std::vector<Question> parse_questions(const Value& raw, const std::string& step,
                                                    Problems& problems);

// Pairs of output name and question id.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> parse_question_outputs(
    const Value& raw, const std::string& step, const std::vector<Question>& questions,
    Problems& problems, SeenOutputs& seen);

}  // namespace charter::worker
