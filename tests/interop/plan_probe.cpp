// Asks the plan room one question a line, for tests/interop/plan_oracle.py: a JSON object with
// `op` on standard input, a JSON object on standard output. It reaches below mode `prepare`, so
// that the grammar of steps the engine does not run yet is compared too.
//
//   yaml      text                                     {value: repr} or {kind, text}
//   json      text                                     {value, python, wire, audit} or {text}
//   plan      text, id                                 {snapshot} or {code, text}
//   snapshot  snapshot                                 {snapshot} or {text}
//   launch    root, id, variables, text                {hand_off} or {code, text}
//   prepare   kind, root, id, path, variables, ...     {reply}
#include <iostream>
#include <string>

#include "worker/json/python.h"
#include "worker/json/value.h"
#include "worker/plan/launch.h"
#include "worker/plan/plan.h"
#include "worker/plan/prepare.h"
#include "worker/yaml/reader.h"

namespace charter::worker {
namespace {

std::string text_of(const Object& request, std::string_view key) {
  const Value& value = get(request, key);
  return value.is_string() ? value.as_string() : std::string();
}

Object object_of(const Object& request, std::string_view key) {
  const Value& value = get(request, key);
  return value.is_object() ? value.as_object() : Object();
}

Object failure(std::string_view code, const std::string& text) {
  Object answer;
  answer.set("code", Value(code));
  answer.set("text", Value(text));
  return answer;
}

// A snapshot whose values JSON may not hold is answered by its repr.
Object snapshot_answer(const Workflow& workflow) {
  Object answer;
  answer.set("repr", Value(repr(snapshot_of(workflow))));
  return answer;
}

Object ask_yaml(const Object& request) {
  const auto value = read_yaml(text_of(request, "text"));
  if (!value) {
    const bool document = value.error().kind == YamlError::Kind::document;
    return failure(document ? "document" : "value", value.error().text);
  }
  Object answer;
  answer.set("repr", Value(repr(*value)));
  return answer;
}

Object ask_json(const Object& request) {
  const auto value = parse_json(text_of(request, "text"));
  if (!value) return failure("json", value.error().what);
  Object answer;
  answer.set("repr", Value(repr(*value)));
  answer.set("python", Value(dump(*value)));
  answer.set("state", Value(dump(*value, kStateFile)));
  answer.set("wire", Value(dump(*value, kWire)));
  answer.set("audit", Value(dump(*value, kAudit)));
  return answer;
}

Object ask_plan(const Object& request) {
  const auto workflow = parse_plan(text_of(request, "text"), text_of(request, "id"));
  if (!workflow) return failure(workflow.error().code, workflow.error().text);
  return snapshot_answer(*workflow);
}

Object ask_snapshot(const Object& request) {
  const auto workflow = workflow_from_snapshot(get(request, "snapshot"));
  if (!workflow) return failure("snapshot", workflow.error().what);
  return snapshot_answer(*workflow);
}

Object ask_launch(const Object& request) {
  Files files;
  Value snapshot;
  const auto hand_off =
      prepare_launch(files,
                     {text_of(request, "root"), text_of(request, "id"),
                      object_of(request, "variables"), truthy(get(request, "text")), {}},
                     snapshot);
  if (!hand_off) return failure(hand_off.error().code, hand_off.error().text);
  Object answer;
  answer.set("workflow_id", Value(hand_off->workflow_id));
  answer.set("workflow_path", Value(hand_off->workflow_path));
  answer.set("variables", Value(repr(Value(hand_off->variables))));
  answer.set("capabilities", Value(repr(Value(hand_off->capabilities))));
  answer.set("snapshot", Value(repr(snapshot)));
  return answer;
}

Object ask_prepare(const Object& request) {
  ipc::PrepareRequest asked;
  asked.kind = text_of(request, "kind") == "launch" ? ipc::PrepareRequest::Kind::launch
                                                    : ipc::PrepareRequest::Kind::handoff;
  asked.project_root = text_of(request, "root");
  asked.workflow_id = text_of(request, "id");
  asked.workflow_path = text_of(request, "path");
  asked.variables = text_of(request, "variables");
  asked.capabilities = text_of(request, "capabilities");
  asked.has_snapshot = get(request, "snapshot").is_string();
  asked.snapshot = text_of(request, "snapshot");
  asked.text_variables = truthy(get(request, "text"));
  const ipc::PrepareReply reply = prepare(asked);
  if (!reply.ok) {
    Object answer = failure(reply.code, reply.message);
    answer.set("prepared", Value(reply.prepared));
    return answer;
  }
  Object answer;
  answer.set("state", Value(ipc::initial_state(reply, "RUN", "TIME")));
  answer.set("workflow_path", Value(reply.workflow_path));
  return answer;
}

Object ask(const Object& request) {
  const std::string op = text_of(request, "op");
  if (op == "yaml") return ask_yaml(request);
  if (op == "json") return ask_json(request);
  if (op == "plan") return ask_plan(request);
  if (op == "snapshot") return ask_snapshot(request);
  if (op == "launch") return ask_launch(request);
  return ask_prepare(request);
}

}  // namespace
}  // namespace charter::worker

int main() {
  using charter::worker::Object;
  using charter::worker::Value;
  for (std::string line; std::getline(std::cin, line);) {
    const auto request = charter::worker::parse_json(line);
    if (!request || !request->is_object()) return 2;
    std::cout << dump(Value(charter::worker::ask(request->as_object()))) << std::endl;
  }
  return 0;
}
