#include "worker/plan/prepare.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>

#include "ipc/job.h"
#include "worker/json/python.h"
#include "worker/plan/answers.h"
#include "worker/plan/catalogue.h"
#include "worker/plan/hand_off.h"
#include "worker/plan/launch.h"
#include "worker/plan/paths.h"

namespace charter::worker {
namespace {

constexpr std::size_t kMaxRequest = 256U << 20;
constexpr rlim_t kMemory = 1U << 30;
constexpr rlim_t kSeconds = 10;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;  // whose shadow memory is of terabytes
#else
constexpr bool kSanitized = false;
#endif

ipc::PrepareReply refused(const Failure& failure, bool prepared) {
  ipc::PrepareReply reply;
  reply.code = failure.code;
  reply.message = failure.text;
  reply.prepared = prepared;
  return reply;
}

// The JSON object of one field of the request.
Outcome<Object> object_field(const char* name, std::string_view json) {
  auto value = parse_json(json);
  if (!value) return internal(std::string(name) + ": " + value.error().what);
  if (!value->is_object()) return internal(std::string(name) + ": not an object");
  return std::move(value->as_object());
}

// "key": value at the top level of a state file.
void append_field(std::string& out, const char* key, const Value& value) {
  out.append(",\n  \"").append(key).append("\": ");
  dump_to(out, value, kStateFile, 1);
}

// The initial state but for run id and times; see ipc::initial_state().
void write_state(const PreparedRun& run, ipc::PrepareReply& reply) {
  std::string& head = reply.state_head;
  append_field(head, "workflow_id", run.workflow.workflow);
  append_field(head, "workflow_snapshot", run.snapshot);
  append_field(head, "status", Value("pending"));
  append_field(head, "current_step_id", Value());
  append_field(head, "variables", Value(run.variables));
  append_field(head, "outputs", Value(Object()));
  head += ",\n  \"created_at\": \"";
  Object metadata;
  metadata.set("resolved_capabilities", Value(run.capabilities));
  metadata.set("project_root", Value(run.project_root));
  std::string& tail = reply.state_tail;
  tail += '"';
  append_field(tail, "error", Value());
  append_field(tail, "gate_history", Value(Array()));
  append_field(tail, "metadata", Value(std::move(metadata)));
  tail += "\n}";
}

ipc::PrepareReply answer(const Outcome<PreparedRun>& run, bool prepared) {
  if (!run) return refused(run.error(), prepared);
  ipc::PrepareReply reply;
  reply.ok = true;
  reply.prepared = true;
  reply.workflow_path = run->workflow_path;
  reply.workflow_id = str(run->workflow.workflow);
  reply.project_root = run->project_root;
  reply.python = run->has_driver || needs_python(run->capabilities);
  write_state(*run, reply);
  return reply;
}

ipc::PrepareReply prepare_hand_off(Files& files, const ipc::PrepareRequest& request,
                                   const OpenProbe& open_probe) {
  auto variables = object_field("variables", request.variables);
  if (!variables) return refused(variables.error(), false);
  auto capabilities = object_field("capabilities", request.capabilities);
  if (!capabilities) return refused(capabilities.error(), false);
  for (const auto& [uses, capability] : *capabilities) {
    if (capability.is_object()) continue;
    return refused(internal("capabilities." + uses + ": not an object"), false);
  }
  Value snapshot;
  if (request.has_snapshot) {
    auto parsed = object_field("workflow_snapshot", request.snapshot);
    if (!parsed) return refused(parsed.error(), false);
    snapshot = Value(std::move(*parsed));
  }
  HandOff hand_off{request.project_root,  request.workflow_id,
                   request.workflow_path, request.has_snapshot ? &snapshot : nullptr,
                   std::move(*variables), std::move(*capabilities)};
  return answer(check_hand_off(files, std::move(hand_off), open_probe), false);
}

ipc::PrepareReply prepare_launched(Files& files, const ipc::PrepareRequest& request,
                                   OpenBackends open_backends, const OpenProbe& open_probe) {
  auto variables = object_field("variables", request.variables);
  if (!variables) return refused(variables.error(), false);
  Value snapshot;
  auto hand_off = prepare_launch(files,
                                 {request.project_root, request.workflow_id, std::move(*variables),
                                  request.text_variables, std::move(open_backends)},
                                 snapshot);
  if (!hand_off) return refused(hand_off.error(), false);
  return answer(check_hand_off(files, std::move(*hand_off), open_probe), true);
}

// The state a run waits in: that of the file, or of the driver, by the project whose file it is.
Outcome<std::string> waiting_state(Files& files, const std::string& path,
                                   const OpenProbe& open_probe) {
  const std::string root = parent(parent(parent(path)));
  StorageDriver driver;
  const bool known = !configured_driver(root, driver);
  if (!known || driver.is_file() || !open_probe) return files.read(path);
  auto runtime = find_python_runtime(files, root);
  if (!runtime) return internal(runtime.error().what);
  files.forget_soon();
  std::string run_id = path.substr(path.rfind('/') + 1);
  run_id.resize(run_id.size() - std::string_view(".json").size());
  const auto probe = open_probe(std::move(*runtime), driver);
  const auto bound = probe->bind();
  auto state = bound ? probe->load(run_id) : ipc::Result<std::string>(bound.error());
  if (!state) return internal(without_expanded(state.error().message(), driver));
  return std::move(*state);
}

ipc::PrepareReply check_input(Files& files, const ipc::PrepareRequest& request,
                              const OpenProbe& open_probe) {
  const auto submission = object_field("input", request.variables);
  if (!submission) return refused(submission.error(), false);
  const auto text = waiting_state(files, request.workflow_path, open_probe);
  if (!text) return refused(text.error(), false);
  const auto outputs = check_submission(*text, *submission);
  if (!outputs) return refused(outputs.error(), false);
  ipc::PrepareReply reply;
  reply.ok = true;
  return reply;
}

ipc::PrepareReply describe(Files& files, const ipc::PrepareRequest& request) {
  auto workflows = describe_workflows(files, request.project_root);
  if (!workflows) return refused(workflows.error(), false);
  ipc::PrepareReply reply;
  reply.ok = true;
  reply.state_head = std::move(*workflows);
  return reply;
}

// An interpreter that is asked something may have more memory; see Inquiry.
void bound_resources() {
  rlimit memory{};
  if (!kSanitized && ::getrlimit(RLIMIT_AS, &memory) == 0) {
    memory.rlim_cur = std::min(kMemory, memory.rlim_max);
    ::setrlimit(RLIMIT_AS, &memory);
  }
  const rlimit seconds{kSeconds, kSeconds + 1};
  ::setrlimit(RLIMIT_CPU, &seconds);
}

std::string encoded_answer(const BackendsFor& backends_for, const ProbeFor& probe_for,
                           ReadSeed read_seed) {
  const auto bytes = ipc::read_all(STDIN_FILENO, kMaxRequest);
  if (!bytes) return ipc::encode(refused(internal(bytes.error().message()), false));
  const auto request = ipc::decode_prepare_request(*bytes);
  if (!request) return ipc::encode(refused(internal(request.error().message()), false));
  return ipc::encode(prepare(*request, backends_for ? backends_for(*request) : OpenBackends(),
                             probe_for ? probe_for(*request) : OpenProbe(), read_seed));
}

}  // namespace

ipc::PrepareReply prepare(const ipc::PrepareRequest& request, OpenBackends open_backends,
                          const OpenProbe& open_probe, ReadSeed read_seed) {
  Files files;
  ipc::PrepareReply reply;
  switch (request.kind) {
    case ipc::PrepareRequest::Kind::handoff:
      reply = prepare_hand_off(files, request, open_probe);
      break;
    case ipc::PrepareRequest::Kind::launch:
      reply = prepare_launched(files, request, std::move(open_backends), open_probe);
      break;
    case ipc::PrepareRequest::Kind::input:
      reply = check_input(files, request, open_probe);
      break;
    case ipc::PrepareRequest::Kind::retry:
      if (read_seed == nullptr) return refused(internal("no way to read a seed"), false);
      return read_seed(request);
    case ipc::PrepareRequest::Kind::describe:
      reply = describe(files, request);
      break;
  }
  reply.reads = files.reads();
  return reply;
}

int prepare_main(const BackendsFor& backends_for, const ProbeFor& probe_for, ReadSeed read_seed) {
  bound_resources();
  std::string reply;
  try {
    reply = encoded_answer(backends_for, probe_for, read_seed);
  } catch (const std::bad_alloc&) {
    reply = ipc::encode(refused(internal("preparation needs too much memory"), false));
  }
  return ipc::write_all(STDOUT_FILENO, reply) ? 0 : 1;
}

}  // namespace charter::worker
