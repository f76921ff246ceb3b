// The state of a run in memory, and the file the toolchain reads as bytes. What never changes (the
// snapshot, the variables, the metadata) is kept as the text it came in, and each step's outputs
// are written out once, so a save costs a copy, whatever the run has behind it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ipc/error.h"
#include "worker/json/value.h"

namespace charter::worker {

struct GateRecord {
  Value step_id;
  bool approved = false;
  std::optional<std::string> note;
  std::string decided_at;
};

class RunState {
 public:
  // Reads a state file. Errors name what is wrong, never the contents.
  [[nodiscard]] static ipc::Result<RunState> parse(std::string text);

  RunState(RunState&&) = default;
  RunState& operator=(RunState&&) = default;
  RunState(const RunState&) = delete;  // the names point into the outputs
  RunState& operator=(const RunState&) = delete;
  ~RunState() = default;

  [[nodiscard]] const std::string& run_id() const { return run_id_; }
  [[nodiscard]] const std::string& status() const { return status_; }
  [[nodiscard]] const Value& current_step() const { return current_step_; }
  [[nodiscard]] const std::string& error() const { return error_; }
  [[nodiscard]] const std::vector<GateRecord>& gate_history() const { return gates_; }
  [[nodiscard]] ipc::Result<Value> snapshot() const;
  [[nodiscard]] ipc::Result<Value> metadata() const;

  // Each of these sets updated_at, too; times are the file's form.
  void set_status(std::string status, const std::string& at);
  void enter_step(const Value& step_id, const std::string& at);
  void fail(const std::string& error, const std::string& at);
  void decide(GateRecord record);
  void add_outputs(const std::string& step, Object outputs, const std::string& at);

  // Takes back the outputs of the last steps, until `count` steps have some.
  void keep_outputs(std::size_t count);
  [[nodiscard]] std::size_t steps_done() const { return done_.size(); }
  [[nodiscard]] bool has_outputs(const std::string& step) const;
  [[nodiscard]] const Object* outputs_of(const std::string& step) const;

  // A variable, or the output of that name of the latest step that has one.
  [[nodiscard]] const Value* find(const std::string& name) const;
  [[nodiscard]] const Value* find_output(const std::string& name) const;
  [[nodiscard]] const Value* find_output(const std::string& step, const std::string& name) const;

  // Until show_references(), find() and the two below give `contents` for this output; the file
  // and outputs_of() keep the reference.
  void show_contents(const std::string& step, const std::string& name, Value contents);
  void show_references();

  // Every step's outputs; every output by its name; the variables.
  [[nodiscard]] Object all_outputs() const;
  [[nodiscard]] Object named_outputs() const;
  [[nodiscard]] const Object& variables() const { return variable_values_; }

  [[nodiscard]] std::string render() const;

  // As a run begins that has these steps behind it: the text between run_id's value and
  // created_at's, and that after updated_at's, each with its quote.
  [[nodiscard]] std::pair<std::string, std::string> render_seed();

 private:
  RunState() = default;
  void append_head(std::string& out) const;
  void append_tail(std::string& out) const;
  ipc::Result<void> read_outputs(std::string_view raw);
  ipc::Result<void> read_gates(std::string_view raw);
  struct Done {
    std::string step;
    Value outputs;     // an object
    std::string text;  // "step": {…}, at its place in the file
  };
  void name_outputs(const Done& done);
  void name_all_outputs();
  [[nodiscard]] const Value& shown(const Done& done, const std::string& name,
                                   const Value& value) const;

  std::string run_id_;
  std::string workflow_id_;  // this and the next three: JSON text
  std::string snapshot_;
  std::string variables_;
  std::string metadata_;
  Object variable_values_;
  std::string status_;
  Value current_step_;
  std::string created_at_;
  std::string updated_at_;
  std::string error_;
  bool has_error_ = false;
  std::vector<GateRecord> gates_;
  std::deque<Done> done_;
  std::unordered_map<std::string, std::size_t> index_;   // step id to its place in done_
  std::unordered_map<std::string, const Value*> named_;  // output name to the latest value
  std::map<std::pair<std::string, std::string>, Value> contents_;  // by step and output
};

}  // namespace charter::worker
