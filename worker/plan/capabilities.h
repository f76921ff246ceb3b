// Which integrations a launched plan uses: its `uses` references resolved over the plan's bindings
// and the project's capabilities, and the configuration its steps see.
#pragma once

#include <optional>
#include <string>

#include "worker/plan/failure.h"
#include "worker/plan/project.h"
#include "worker/plan/workflow.h"

namespace charter::worker {

// Gives every step the sum of the project's, its binding's and its own `with`; what a secret
// stands for becomes null.
void overlay_configurations(Workflow& workflow, const Project& project);

// The capabilities as a hand-off carries them, by `uses` reference in the order of the steps. No
// secret is read: a reference stays a reference.
[[nodiscard]] Outcome<Object> resolve_capabilities(Files& files, const Workflow& workflow,
                                                   const Project& project,
                                                   const std::string& plan_path);

// A command line as a POSIX shell splits it, without expansion; nothing when a quotation is open.
// `why` then says so in Python's words.
[[nodiscard]] std::optional<Array> split_command(std::string_view command, std::string& why);

}  // namespace charter::worker
