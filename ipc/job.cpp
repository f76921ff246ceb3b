#include "ipc/job.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "ipc/message.h"
#include "ipc/schema.h"
#include "ipc/versions.h"

namespace charter::ipc {
namespace {

using message::data;
using message::str;
using message::text;

#ifndef MFD_NOEXEC_SEAL
constexpr unsigned MFD_NOEXEC_SEAL = 0x0008U;
#endif

RunLimits read_limits(schema::RunLimits::Reader in) {
  return {in.getMemory(),           in.getPids(),           in.getCpu(),
          str(in.getMemoryGroup()), str(in.getPidsGroup()), str(in.getCpuGroup()),
          str(in.getKillGroup())};
}

void write_limits(const RunLimits& limits, schema::RunLimits::Builder out) {
  out.setMemory(limits.memory);
  out.setPids(limits.pids);
  out.setCpu(limits.cpu);
  out.setMemoryGroup(text(limits.memory_group));
  out.setPidsGroup(text(limits.pids_group));
  out.setCpuGroup(text(limits.cpu_group));
  out.setKillGroup(text(limits.kill_group));
}

std::size_t text_bytes(const RunLimits& limits) {
  return limits.memory_group.size() + limits.pids_group.size() + limits.cpu_group.size() +
         limits.kill_group.size();
}

Result<Job> read_job(schema::Job::Reader in) {
  if (!readable(in.getVersion(), kJobVersion)) {
    return message::version_error("job", in.getVersion(), kJobVersion);
  }
  Job out;
  out.run_id = str(in.getRunId());
  out.project_root = str(in.getProjectRoot());
  out.data_dir = str(in.getDataDir());
  out.doorbell = str(in.getDoorbell());
  out.secret = str(in.getSecret());
  out.burst = in.getBurst();
  out.cause = str(in.getCause());
  out.state = str(in.getState());
  if (in.hasCommand()) out.command = read_command(in.getCommand());
  out.kill_grace_ms = in.getKillGraceMs();
  out.setup_timeout_ms = in.getSetupTimeoutMs();
  out.teardown_timeout_ms = in.getTeardownTimeoutMs();
  out.step_output_max = in.getStepOutputMax();
  out.workflow_path = str(in.getWorkflowPath());
  out.run_time_max_ms = in.getRunTimeMaxMs();
  out.resume_lost = in.getResumeLost();
  out.retry_of = str(in.getRetryOf());
  if (in.hasLimits()) out.limits = read_limits(in.getLimits());
  out.worker_id = str(in.getWorkerId());
  out.sandbox = read_sandbox(in.getSandbox());
  out.log_max = in.getLogMax();
  out.next_seq = in.getNextSeq();
  out.reason = str(in.getReason());
  out.pauses = in.getPauses();
  return out;
}

// A system that forbids executable memory files wants to be told that this is none; a kernel
// before 6.3 does not know how to be told.
int create_memory_file() {
  constexpr unsigned kFlags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  const int fd = ::memfd_create("charter", kFlags | MFD_NOEXEC_SEAL);
  return fd < 0 && errno == EINVAL ? ::memfd_create("charter", kFlags) : fd;
}

}  // namespace

std::string encode(const Job& job) {
  const std::size_t bytes = job.run_id.size() + job.project_root.size() + job.data_dir.size() +
                            job.doorbell.size() + job.secret.size() + job.cause.size() +
                            job.state.size() + job.reason.size() + job.workflow_path.size() +
                            job.retry_of.size() + job.worker_id.size() + text_bytes(job.limits) +
                            text_bytes(job.sandbox) + (job.command ? text_bytes(*job.command) : 0);
  return message::write<schema::Job>(bytes, [&](auto out) {
    out.setVersion(kJobVersion);
    out.setRunId(text(job.run_id));
    out.setProjectRoot(text(job.project_root));
    out.setDataDir(text(job.data_dir));
    out.setDoorbell(text(job.doorbell));
    out.setSecret(data(job.secret));
    out.setBurst(job.burst);
    out.setCause(text(job.cause));
    out.setState(data(job.state));
    if (job.command) write_command(*job.command, out.initCommand());
    out.setKillGraceMs(job.kill_grace_ms);
    out.setSetupTimeoutMs(job.setup_timeout_ms);
    out.setTeardownTimeoutMs(job.teardown_timeout_ms);
    out.setStepOutputMax(job.step_output_max);
    out.setWorkflowPath(text(job.workflow_path));
    out.setWorkerId(text(job.worker_id));
    out.setRunTimeMaxMs(job.run_time_max_ms);
    out.setResumeLost(job.resume_lost);
    out.setRetryOf(text(job.retry_of));
    write_limits(job.limits, out.initLimits());
    if (job.sandbox.level > 0) write_sandbox(job.sandbox, out.initSandbox());
    out.setLogMax(job.log_max);
    out.setNextSeq(job.next_seq);
    out.setReason(text(job.reason));
    out.setPauses(job.pauses);
  });
}

Result<Job> decode_job(std::string_view bytes) {
  return message::read<schema::Job>(bytes, "job", read_job);
}

Result<UniqueFd> memory_file(std::string_view bytes) {
  UniqueFd fd(create_memory_file());
  if (!fd) return errno_error("create a memory file");
  off_t at = 0;
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(fd.get(), bytes.data(), bytes.size(), at);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return errno_error("write a memory file");
    bytes.remove_prefix(static_cast<std::size_t>(put));
    at += put;
  }
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
  if (::fcntl(fd.get(), F_ADD_SEALS, kSeals) != 0) return errno_error("seal a memory file");
  return fd;
}

// Several processes read the same description of a memory file, one after the other, so its
// position is neither used nor moved.
Result<std::string> read_all(int fd, std::size_t limit) {
  const bool positioned = ::lseek(fd, 0, SEEK_CUR) >= 0;
  std::string bytes;
  std::size_t chunk = 4096;
  for (;;) {
    const std::size_t have = bytes.size();
    const std::size_t room = std::min(chunk, limit - have + 1);
    bytes.resize(have + room);
    const ssize_t got = positioned
                            ? ::pread(fd, bytes.data() + have, room, static_cast<off_t>(have))
                            : ::read(fd, bytes.data() + have, room);
    if (got < 0 && errno != EINTR) return errno_error("read to the end");
    bytes.resize(have + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got == 0) return bytes;
    if (bytes.size() > limit) {
      return Error{std::make_error_code(std::errc::file_too_large),
                   "read at most " + std::to_string(limit) + " bytes"};
    }
    chunk = std::min<std::size_t>(chunk * 2, 4U << 20);
  }
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

}  // namespace charter::ipc
