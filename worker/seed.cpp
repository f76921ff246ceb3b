#include "worker/seed.h"

#include <fcntl.h>

#include <tuple>
#include <utility>

#include "ipc/journal.h"
#include "ipc/regular_file.h"
#include "worker/json/python.h"
#include "worker/opening.h"
#include "worker/plan/runtime.h"
#include "worker/plan/workflow.h"
#include "worker/replay.h"

namespace charter::worker {
namespace {

ipc::PrepareReply refused(std::string reason) {
  ipc::PrepareReply reply;
  reply.code = "not_retryable";
  reply.message = std::move(reason);
  return reply;
}

// Without the state file only what has begun can be told.
ipc::Result<RunState> ended_state(const ipc::PrepareRequest& request) {
  const auto journal = ipc::open_regular(request.journal, O_RDONLY);
  if (!journal) return journal.error();
  const auto replay = replay_journal(journal->get());
  if (!replay) return replay.error();
  if (!replay->summary.terminal) return ipc::plain_error("its journal does not say that it ended");
  if (replay->summary.damaged) {
    return ipc::plain_error("its journal is damaged, so what it has done is not known");
  }
  std::string file;
  if (replay->base.empty()) {
    auto text = read_state_file(request.workflow_path);
    if (!text) return text.error();
    file = std::move(*text);
  }
  return replay->state(request.blobs, file);
}

}  // namespace

ipc::PrepareReply read_seed(const ipc::PrepareRequest& request) {
  auto state = ended_state(request);
  if (!state) return refused(state.error().message());
  const auto snapshot = state->snapshot();
  const auto workflow =
      snapshot ? workflow_from_snapshot(*snapshot) : ipc::Result<Workflow>(snapshot.error());
  if (!workflow) return refused("its snapshot cannot be used: " + workflow.error().message());
  const auto metadata = state->metadata();
  if (!metadata) return refused("its metadata cannot be read: " + metadata.error().message());
  ipc::PrepareReply reply;
  reply.ok = true;
  reply.workflow_id = str(workflow->workflow);
  if (metadata->is_object()) {
    const Object& known = metadata->as_object();
    const Value* root = known.find("project_root");
    // A project that was moved has left its old place behind.
    const bool nested = root != nullptr && root->is_string() &&
                        root->as_string().starts_with(request.project_root + "/");
    if (nested) reply.project_root = root->as_string();
    const Value* capabilities = known.find("resolved_capabilities");
    reply.python = capabilities != nullptr && capabilities->is_object() &&
                   needs_python(capabilities->as_object());
  }
  std::tie(reply.state_head, reply.state_tail) = state->render_seed();
  reply.reads.push_back(ipc::identify(request.journal));
  return reply;
}

}  // namespace charter::worker
