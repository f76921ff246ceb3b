// A workflow definition after validation, as plan.yml or a stored snapshot describes it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "worker/json/value.h"

namespace charter::worker {

enum class InputKind { automatic, from, value };

struct StepInput {
  std::string name;
  Value source;  // for `from` and automatic text: the source's name; for `value`: the value
  InputKind kind = InputKind::automatic;
  bool sensitive = false;
};

// Not type-checked by the format; null where absent.
struct ArtifactSpec {
  Value name;
  Value content_type;
};

struct StepOutput {
  std::string name;
  std::string type;  // string, number, boolean, array, object, artifact
  bool sensitive = false;
  std::optional<ArtifactSpec> artifact;
};

struct RetryPolicy {
  long long attempts = 1;                   // a larger number counts as the largest
  Value delay_seconds = Value::integer(0);  // number, its Python form kept
};

struct StepTimeout {
  long long seconds = 0;
  std::string label;  // as written: "30s", "5m"
};

struct Option {
  std::string value;
  std::string label;
  bool recommended = false;
};

struct Question {
  std::string id;
  std::string kind;  // text, select, multi_select
  std::string prompt;
  bool optional = false;
  std::vector<Option> options;
  bool allow_other = false;
};

enum class StepType { integration, shell, state, exporting, gate, input };

// As plans and snapshots name it: step, shell, state, export, gate, input.
[[nodiscard]] std::string_view name_of(StepType type);
[[nodiscard]] std::optional<StepType> step_type(std::string_view name);

struct Step {
  // `id`, `run`, `shell`, `show` and `message` are not type-checked by the format: an integer id
  // travels as a number in events.
  Value id;
  StepType type = StepType::shell;
  std::optional<std::string> uses;
  Object with;
  std::vector<StepInput> inputs;
  std::vector<StepOutput> outputs;
  Value run;
  Value shell;
  Value show;
  Value message;
  std::optional<RetryPolicy> retry;
  std::optional<StepTimeout> timeout;
  // state
  std::string action;  // get or set
  std::string key;
  Value fallback;  // `default`
  // export
  std::string export_input;
  std::string export_path;
  std::optional<std::string> export_content_type;
  // input
  std::vector<Question> questions;
  std::vector<std::pair<std::string, std::string>> question_outputs;  // output name, question id

  // The id in messages: text as it is, anything else as str() gives it.
  [[nodiscard]] std::string id_text() const;
  // The id as a key of `outputs` in the state file: text as it is, else as JSON writes a key.
  [[nodiscard]] std::string id_key() const;
  [[nodiscard]] const StepOutput* output(std::string_view name) const;
};

// Plan-local alias of a project capability.
struct Binding {
  std::string id;
  Value uses;
  Value description;
  Value with;
};

struct Workflow {
  Value workflow;  // the plan's `workflow`, or null
  std::vector<Binding> bindings;
  std::vector<Step> steps;
};

// Reads a snapshot as `workflow_snapshot` of a request or a state file holds it. The error is the
// reference's text; its code is worth nothing.
[[nodiscard]] ipc::Result<Workflow> workflow_from_snapshot(const Value& snapshot);
// The snapshot that is stored: rebuilt from the definition, keys in the format's order.
[[nodiscard]] Value snapshot_of(const Workflow& workflow);

}  // namespace charter::worker
