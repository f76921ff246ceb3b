#include "worker/stores/run_state.h"

#include <utility>

#include "ipc/json_scan.h"

namespace charter::worker {
namespace {

// State files hold what Python's json writes, and whatever a step printed.
constexpr ipc::JsonLimits kLimits{
    .max_bytes = std::size_t{1} << 30, .max_depth = kKeptNesting, .python_extras = true};

std::string json_text(std::string_view text) { return dump(Value(text)); }

std::string nullable(const std::optional<std::string>& text) {
  return text ? json_text(*text) : "null";
}

// A value as it stands `depth` levels of two spaces deep in an indented file.
std::string indented(const Value& value, int depth) {
  const std::string flat = dump(value, kStateFile);
  const std::string margin(static_cast<std::size_t>(depth) * 2, ' ');
  std::string out;
  out.reserve(flat.size());
  for (const char letter : flat) {
    out += letter;
    if (letter == '\n') out += margin;
  }
  return out;
}

std::string render_gate(const GateRecord& gate) {
  return "    {\n      \"step_id\": " + dump(gate.step_id) +
         ",\n      \"approved\": " + (gate.approved ? "true" : "false") +
         ",\n      \"note\": " + nullable(gate.note) +
         ",\n      \"decided_at\": " + json_text(gate.decided_at) + "\n    }";
}

// The member's text, or what stands for it when it is missing.
std::string raw_or(const std::vector<ipc::JsonMember>& members, std::string_view key,
                   std::string_view otherwise) {
  const ipc::JsonMember* member = ipc::find(members, key);
  return std::string(member == nullptr ? otherwise : member->raw);
}

ipc::Result<std::string> text_of(const std::vector<ipc::JsonMember>& members,
                                 std::string_view key) {
  const ipc::JsonMember* member = ipc::find(members, key);
  auto text = member == nullptr ? std::nullopt : ipc::json_string(member->raw);
  if (!text) return ipc::plain_error("a run state without a text '" + std::string(key) + "'");
  return std::move(*text);
}

}  // namespace

ipc::Result<RunState> RunState::parse(std::string text) {
  const auto members = ipc::scan_object(text, kLimits);
  if (!members)
    return ipc::plain_error("a run state that is no JSON object: " + members.error().message());
  RunState state;
  const std::pair<const char*, std::string RunState::*> texts[] = {
      {"run_id", &RunState::run_id_},
      {"status", &RunState::status_},
      {"created_at", &RunState::created_at_},
      {"updated_at", &RunState::updated_at_}};
  for (const auto& [key, member] : texts) {
    auto value = text_of(*members, key);
    if (!value) return value.error();
    state.*member = std::move(*value);
  }
  state.workflow_id_ = raw_or(*members, "workflow_id", "null");
  state.snapshot_ = raw_or(*members, "workflow_snapshot", "null");
  state.variables_ = raw_or(*members, "variables", "{}");
  state.metadata_ = raw_or(*members, "metadata", "null");
  auto variables = parse_json(state.variables_, kKeptNesting);
  if (!variables || !variables->is_object()) {
    return ipc::plain_error("a run state whose variables are no object");
  }
  state.variable_values_ = std::move(variables->as_object());
  auto current = parse_json(raw_or(*members, "current_step_id", "null"));
  if (!current) return current.error();
  state.current_step_ = std::move(*current);
  if (const auto* error = ipc::find(*members, "error"); error != nullptr) {
    const auto reason = ipc::json_string(error->raw);
    state.has_error_ = reason.has_value();
    state.error_ = reason.value_or("");
  }
  if (auto read = state.read_outputs(raw_or(*members, "outputs", "{}")); !read) return read.error();
  if (auto read = state.read_gates(raw_or(*members, "gate_history", "[]")); !read) {
    return read.error();
  }
  return state;
}

ipc::Result<void> RunState::read_outputs(std::string_view raw) {
  auto parsed = parse_json(raw, kKeptNesting);
  if (!parsed || !parsed->is_object()) {
    return ipc::plain_error("a run state whose outputs are no object");
  }
  const std::string at = updated_at_;
  for (const auto& [step, outputs] : parsed->as_object()) {
    if (!outputs.is_object()) return ipc::plain_error("a run state whose outputs are no objects");
    add_outputs(step, outputs.as_object(), at);
  }
  return {};
}

ipc::Result<void> RunState::read_gates(std::string_view raw) {
  const auto parsed = parse_json(raw, kKeptNesting);
  if (!parsed || !parsed->is_array()) {
    return ipc::plain_error("a run state whose gate_history is no list");
  }
  for (const Value& item : parsed->as_array()) {
    if (!item.is_object()) return ipc::plain_error("a run state whose gate_history is damaged");
    const Object& entry = item.as_object();
    GateRecord gate;
    if (const Value* step = entry.find("step_id"); step != nullptr) gate.step_id = *step;
    const Value* approved = entry.find("approved");
    gate.approved = approved != nullptr && approved->is_bool() && approved->as_bool();
    const Value* note = entry.find("note");
    if (note != nullptr && note->is_string()) gate.note = note->as_string();
    const Value* when = entry.find("decided_at");
    if (when != nullptr && when->is_string()) gate.decided_at = when->as_string();
    gates_.push_back(std::move(gate));
  }
  return {};
}

ipc::Result<Value> RunState::snapshot() const { return parse_json(snapshot_, kKeptNesting); }

ipc::Result<Value> RunState::metadata() const { return parse_json(metadata_, kKeptNesting); }

void RunState::set_status(std::string status, const std::string& at) {
  status_ = std::move(status);
  updated_at_ = at;
}

void RunState::enter_step(const Value& step_id, const std::string& at) {
  current_step_ = step_id;
  updated_at_ = at;
}

void RunState::fail(const std::string& error, const std::string& at) {
  error_ = error;
  has_error_ = true;
  set_status("failed", at);
}

void RunState::decide(GateRecord record) {
  updated_at_ = record.decided_at;
  gates_.push_back(std::move(record));
}

void RunState::add_outputs(const std::string& step, Object outputs, const std::string& at) {
  Value value(std::move(outputs));
  std::string text = "    " + json_text(step) + ": " + indented(value, 2);
  updated_at_ = at;
  if (const auto known = index_.find(step); known != index_.end()) {
    Done& done = done_[known->second];
    done.outputs = std::move(value);
    done.text = std::move(text);
    name_all_outputs();
    return;
  }
  index_.emplace(step, done_.size());
  done_.push_back({step, std::move(value), std::move(text)});
  name_outputs(done_.back());
}

void RunState::name_outputs(const Done& done) {
  for (const auto& [name, value] : done.outputs.as_object()) {
    named_[name] = &shown(done, name, value);
  }
}

const Value& RunState::shown(const Done& done, const std::string& name, const Value& value) const {
  if (contents_.empty()) return value;
  const auto contents = contents_.find({done.step, name});
  return contents == contents_.end() ? value : contents->second;
}

void RunState::show_contents(const std::string& step, const std::string& name, Value contents) {
  contents_.insert_or_assign({step, name}, std::move(contents));
  name_all_outputs();
}

void RunState::show_references() {
  if (contents_.empty()) return;
  contents_.clear();
  name_all_outputs();
}

Object RunState::all_outputs() const {
  Object all;
  for (const Done& done : done_) {
    Object outputs;
    for (const auto& [name, value] : done.outputs.as_object()) {
      outputs.set(name, shown(done, name, value));
    }
    all.set(done.step, Value(std::move(outputs)));
  }
  return all;
}

Object RunState::named_outputs() const {
  Object named;
  for (const Done& done : done_) {
    for (const auto& [name, value] : done.outputs.as_object()) {
      named.set(name, shown(done, name, value));
    }
  }
  return named;
}

void RunState::name_all_outputs() {
  named_.clear();
  for (const Done& done : done_) name_outputs(done);
}

void RunState::keep_outputs(std::size_t count) {
  while (done_.size() > count) {
    index_.erase(done_.back().step);
    done_.pop_back();
  }
  name_all_outputs();
}

bool RunState::has_outputs(const std::string& step) const { return index_.contains(step); }

const Object* RunState::outputs_of(const std::string& step) const {
  const auto found = index_.find(step);
  return found == index_.end() ? nullptr : &done_[found->second].outputs.as_object();
}

const Value* RunState::find_output(const std::string& step, const std::string& name) const {
  const auto found = index_.find(step);
  if (found == index_.end()) return nullptr;
  const Done& done = done_[found->second];
  const Value* value = done.outputs.as_object().find(name);
  return value == nullptr ? nullptr : &shown(done, name, *value);
}

const Value* RunState::find_output(const std::string& name) const {
  const auto output = named_.find(name);
  return output == named_.end() ? nullptr : output->second;
}

const Value* RunState::find(const std::string& name) const {
  const Value* output = find_output(name);
  return output != nullptr ? output : variable_values_.find(name);
}

std::string RunState::render() const {
  std::string out;
  std::size_t size = snapshot_.size() + variables_.size() + metadata_.size() + 1024;
  for (const Done& done : done_) size += done.text.size() + 2;
  out.reserve(size);
  out += "{\n  \"run_id\": " + json_text(run_id_);
  append_head(out);
  out += json_text(created_at_) + ",\n  \"updated_at\": " + json_text(updated_at_);
  append_tail(out);
  return out;
}

std::pair<std::string, std::string> RunState::render_seed() {
  status_ = "pending";
  current_step_ = Value();
  has_error_ = false;
  std::string head;
  append_head(head);
  std::string tail = "\"";
  append_tail(tail);
  return {head + '"', std::move(tail)};
}

// Behind run_id's value, and up to created_at's.
void RunState::append_head(std::string& out) const {
  out += ",\n  \"workflow_id\": " + workflow_id_ + ",\n  \"workflow_snapshot\": " + snapshot_ +
         ",\n  \"status\": " + json_text(status_) +
         ",\n  \"current_step_id\": " + dump(current_step_) + ",\n  \"variables\": " + variables_ +
         ",\n  \"outputs\": {";
  for (const Done& done : done_) {
    out += &done == &done_.front() ? "\n" : ",\n";
    out += done.text;
  }
  out += done_.empty() ? "}" : "\n  }";
  out += ",\n  \"created_at\": ";
}

// Behind updated_at's value.
void RunState::append_tail(std::string& out) const {
  out += std::string(",\n  \"error\": ") + (has_error_ ? json_text(error_) : "null") +
         ",\n  \"gate_history\": [";
  for (const GateRecord& gate : gates_) {
    out += &gate == &gates_.front() ? "\n" : ",\n";
    out += render_gate(gate);
  }
  out += gates_.empty() ? "]" : "\n  ]";
  out += ",\n  \"metadata\": " + metadata_ + "\n}";
}

}  // namespace charter::worker
