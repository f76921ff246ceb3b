#include "ipc/prepare.h"

#include <charter.capnp.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <utility>

#include "ipc/message.h"
#include "ipc/schema.h"

namespace charter::ipc {
namespace {

using message::data;
using message::str;
using message::text;

constexpr std::uint32_t kPrepareVersion = 1;

using Kind = PrepareRequest::Kind;
constexpr std::array<std::pair<Kind, const char*>, 5> kKinds{{{Kind::handoff, "handoff"},
                                                              {Kind::launch, "launch"},
                                                              {Kind::input, "input"},
                                                              {Kind::retry, "retry"},
                                                              {Kind::describe, "describe"}}};

Result<PrepareRequest> read_request(schema::PrepareRequest::Reader in) {
  if (in.getVersion() != kPrepareVersion) {
    return message::version_error("preparation request", in.getVersion(), kPrepareVersion);
  }
  PrepareRequest out;
  const std::string kind = str(in.getKind());
  const auto known = std::find_if(kKinds.begin(), kKinds.end(),
                                  [&kind](const auto& one) { return kind == one.second; });
  if (known == kKinds.end()) return plain_error("unknown kind of preparation");
  out.kind = known->first;
  out.project_root = str(in.getProjectRoot());
  out.run_id = str(in.getRunId());
  out.workflow_id = str(in.getWorkflowId());
  out.workflow_path = str(in.getWorkflowPath());
  out.variables = str(in.getVariables());
  out.snapshot = str(in.getSnapshot());
  out.has_snapshot = in.getHasSnapshot();
  out.capabilities = str(in.getCapabilities());
  out.text_variables = in.getTextVariables();
  out.journal = str(in.getJournal());
  out.blobs = str(in.getBlobs());
  out.sandbox = read_sandbox(in.getSandbox());
  out.data_dir = str(in.getDataDir());
  return out;
}

Result<PrepareReply> read_reply(schema::PrepareReply::Reader in) {
  if (in.getVersion() != kPrepareVersion) {
    return message::version_error("preparation reply", in.getVersion(), kPrepareVersion);
  }
  PrepareReply out;
  out.ok = in.getOk();
  out.code = str(in.getCode());
  out.message = str(in.getMessage());
  out.workflow_path = str(in.getWorkflowPath());
  out.workflow_id = str(in.getWorkflowId());
  out.state_head = str(in.getStateHead());
  out.state_tail = str(in.getStateTail());
  out.prepared = in.getPrepared();
  out.python = in.getPython();
  out.project_root = str(in.getProjectRoot());
  for (const auto one : in.getReads()) {
    out.reads.push_back(
        {str(one.getPath()), one.getDevice(), one.getInode(), one.getMtimeNs(), one.getSize()});
  }
  return out;
}

}  // namespace

FileIdentity identify(const std::string& path) {
  FileIdentity identity;
  identity.path = path;
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return identity;
  identity.device = info.st_dev;
  identity.inode = info.st_ino;
  identity.mtime_ns = std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
  identity.size = static_cast<std::uint64_t>(info.st_size);
  return identity;
}

std::string encode(const PrepareRequest& request) {
  const std::size_t bytes =
      request.project_root.size() + request.run_id.size() + request.workflow_id.size() +
      request.workflow_path.size() + request.variables.size() + request.snapshot.size() +
      request.capabilities.size() + request.journal.size() + request.blobs.size() +
      request.data_dir.size() + text_bytes(request.sandbox);
  return message::write<schema::PrepareRequest>(bytes, [&](auto out) {
    out.setVersion(kPrepareVersion);
    const auto known = std::find_if(kKinds.begin(), kKinds.end(), [&request](const auto& one) {
      return request.kind == one.first;
    });
    out.setKind(known->second);
    out.setProjectRoot(text(request.project_root));
    out.setRunId(text(request.run_id));
    out.setWorkflowId(text(request.workflow_id));
    out.setWorkflowPath(text(request.workflow_path));
    out.setVariables(data(request.variables));
    out.setSnapshot(data(request.snapshot));
    out.setHasSnapshot(request.has_snapshot);
    out.setCapabilities(data(request.capabilities));
    out.setTextVariables(request.text_variables);
    out.setJournal(text(request.journal));
    out.setBlobs(text(request.blobs));
    if (request.sandbox.level > 0) write_sandbox(request.sandbox, out.initSandbox());
    out.setDataDir(text(request.data_dir));
  });
}

Result<PrepareRequest> decode_prepare_request(std::string_view bytes) {
  return message::read<schema::PrepareRequest>(bytes, "preparation request", read_request);
}

std::string encode(const PrepareReply& reply) {
  std::size_t bytes = reply.message.size() + reply.workflow_path.size() + reply.workflow_id.size() +
                      reply.state_head.size() + reply.state_tail.size() + reply.project_root.size();
  for (const FileIdentity& one : reply.reads) bytes += one.path.size() + 64;
  return message::write<schema::PrepareReply>(bytes, [&](auto out) {
    out.setVersion(kPrepareVersion);
    out.setOk(reply.ok);
    out.setCode(text(reply.code));
    out.setMessage(text(reply.message));
    out.setWorkflowPath(text(reply.workflow_path));
    out.setWorkflowId(text(reply.workflow_id));
    out.setStateHead(data(reply.state_head));
    out.setStateTail(data(reply.state_tail));
    out.setPrepared(reply.prepared);
    out.setPython(reply.python);
    out.setProjectRoot(text(reply.project_root));
    auto reads = out.initReads(static_cast<unsigned>(reply.reads.size()));
    for (unsigned i = 0; i < reads.size(); ++i) {
      reads[i].setPath(text(reply.reads[i].path));
      reads[i].setDevice(reply.reads[i].device);
      reads[i].setInode(reply.reads[i].inode);
      reads[i].setMtimeNs(reply.reads[i].mtime_ns);
      reads[i].setSize(reply.reads[i].size);
    }
  });
}

Result<PrepareReply> decode_prepare_reply(std::string_view bytes) {
  return message::read<schema::PrepareReply>(bytes, "preparation reply", read_reply);
}

std::string initial_state(const PrepareReply& reply, std::string_view run_id, std::string_view at) {
  std::string state;
  state.reserve(reply.state_head.size() + reply.state_tail.size() + 256);
  state += "{\n  \"run_id\": \"";
  state += run_id;
  state += '"';
  state += reply.state_head;
  state += at;
  state += "\",\n  \"updated_at\": \"";
  state += at;
  state += reply.state_tail;
  return state;
}

}  // namespace charter::ipc
