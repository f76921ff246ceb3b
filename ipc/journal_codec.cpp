#include <charter.capnp.h>

#include "ipc/codec.h"
#include "ipc/message.h"

namespace charter::ipc {
namespace {

using message::data;
using message::str;
using message::text;

using Left = std::vector<LeftProcess>;

// How much text and data a body carries, for the size of its message.
struct TextBytes {
  static std::size_t left(const Left& processes) {
    std::size_t sum = 0;
    for (const LeftProcess& one : processes) sum += one.name.size() + one.reason.size() + 64;
    return sum;
  }
  std::size_t operator()(const Opened& v) const {
    return v.run_id.size() + v.cause.size() + v.boot_id.size() + v.command_id.size() +
           v.state.size();
  }
  std::size_t operator()(const Event& v) const {
    return v.run_id.size() + v.kind.size() + v.step_id.size() + v.json.size();
  }
  std::size_t operator()(const Intent& v) const { return v.step_id.size() + v.step_type.size(); }
  std::size_t operator()(const StepProcess& v) const { return v.step_id.size(); }
  std::size_t operator()(const Checkpoint& v) const {
    return v.step_id.size() + v.outputs.size() + v.blob.size();
  }
  std::size_t operator()(const Pause& v) const { return v.step_id.size(); }
  std::size_t operator()(const Exit& v) const { return v.cause.size() + left(v.left); }
  std::size_t operator()(const Terminal& v) const {
    return v.status.size() + v.reason.size() + left(v.left);
  }
};

void write_left(const Left& from, capnp::List<schema::LeftProcess>::Builder out) {
  for (unsigned i = 0; i < out.size(); ++i) {
    out[i].setPid(from[i].pid);
    out[i].setName(text(from[i].name));
    out[i].setReason(text(from[i].reason));
  }
}

Left read_left(capnp::List<schema::LeftProcess>::Reader in) {
  Left out;
  for (const auto one : in) {
    out.push_back({one.getPid(), str(one.getName()), str(one.getReason())});
  }
  return out;
}

struct Writer {
  schema::JournalFrame::Builder frame;

  void operator()(const Opened& v) {
    auto out = frame.initOpened();
    out.setRunId(text(v.run_id));
    out.setBurst(v.burst);
    out.setCause(text(v.cause));
    out.setGuardianPid(v.guardian_pid);
    out.setGuardianStart(v.guardian_start);
    out.setBootId(text(v.boot_id));
    out.setCommandId(text(v.command_id));
    out.setState(data(v.state));
    out.setPidNamespace(v.pid_namespace);
    out.setBare(v.bare);
  }
  void operator()(const Event& v) {
    auto out = frame.initEvent();
    out.setRunId(text(v.run_id));
    out.setSeq(v.seq);
    out.setKind(text(v.kind));
    out.setStepId(text(v.step_id));
    out.setPause(v.pause);
    out.setSensitive(v.sensitive);
    out.setJson(data(v.json));
    out.setStored(v.stream_seq.has_value());
    out.setStreamSeq(v.stream_seq.value_or(0));
  }
  void operator()(const Intent& v) {
    auto out = frame.initIntent();
    out.setStepId(text(v.step_id));
    out.setAttempt(v.attempt);
    out.setStepType(text(v.step_type));
  }
  void operator()(const StepProcess& v) {
    auto out = frame.initProcess();
    out.setStepId(text(v.step_id));
    out.setAttempt(v.attempt);
    out.setSession(v.session);
    out.setStart(v.start);
  }
  void operator()(const Checkpoint& v) {
    auto out = frame.initCheckpoint();
    out.setStepId(text(v.step_id));
    out.setOutputs(data(v.outputs));
    out.setBlob(text(v.blob));
    out.setBlobSize(v.blob_size);
  }
  void operator()(const Pause& v) {
    auto out = frame.initPause();
    out.setNumber(v.number);
    out.setStepId(text(v.step_id));
    out.setStateInode(v.state_inode);
    out.setStateMtimeNs(v.state_mtime_ns);
    out.setStateSize(v.state_size);
    out.setStateHash(v.state_hash);
  }
  void operator()(const Exit& v) {
    auto out = frame.initExit();
    out.setCause(text(v.cause));
    out.setSignal(v.signal);
    out.setCode(v.code);
    out.setAskerUid(v.asker_uid);
    out.setElapsedMs(v.elapsed_ms);
    write_left(v.left, out.initLeft(static_cast<unsigned>(v.left.size())));
    out.setOutOfMemory(v.out_of_memory);
    out.setLimitMs(v.limit_ms);
    out.setMemoryLimit(v.memory_limit);
    out.setMemoryPeak(v.memory_peak);
  }
  void operator()(const Terminal& v) {
    auto out = frame.initTerminal();
    out.setStatus(text(v.status));
    out.setReason(text(v.reason));
    out.setFileLate(v.file_late);
    write_left(v.left, out.initLeft(static_cast<unsigned>(v.left.size())));
  }
};

Opened read_body(schema::Opened::Reader in) {
  Opened out;
  out.run_id = str(in.getRunId());
  out.burst = in.getBurst();
  out.cause = str(in.getCause());
  out.guardian_pid = in.getGuardianPid();
  out.guardian_start = in.getGuardianStart();
  out.boot_id = str(in.getBootId());
  out.command_id = str(in.getCommandId());
  out.state = str(in.getState());
  out.pid_namespace = in.getPidNamespace();
  out.bare = in.getBare();
  return out;
}

Event read_body(schema::Event::Reader in) {
  Event out;
  out.run_id = str(in.getRunId());
  out.seq = in.getSeq();
  out.kind = str(in.getKind());
  out.step_id = str(in.getStepId());
  out.pause = in.getPause();
  out.sensitive = in.getSensitive();
  out.json = str(in.getJson());
  if (in.getStored()) out.stream_seq = in.getStreamSeq();
  return out;
}

Intent read_body(schema::Intent::Reader in) {
  return {str(in.getStepId()), in.getAttempt(), str(in.getStepType())};
}

StepProcess read_body(schema::StepProcess::Reader in) {
  return {str(in.getStepId()), in.getAttempt(), in.getSession(), in.getStart()};
}

Checkpoint read_body(schema::Checkpoint::Reader in) {
  return {str(in.getStepId()), str(in.getOutputs()), str(in.getBlob()), in.getBlobSize()};
}

Pause read_body(schema::Pause::Reader in) {
  return {in.getNumber(),       str(in.getStepId()), in.getStateInode(),
          in.getStateMtimeNs(), in.getStateSize(),   in.getStateHash()};
}

Exit read_body(schema::Exit::Reader in) {
  return {str(in.getCause()),  in.getSignal(),          in.getCode(),        in.getAskerUid(),
          in.getElapsedMs(),   read_left(in.getLeft()), in.getOutOfMemory(), in.getLimitMs(),
          in.getMemoryLimit(), in.getMemoryPeak()};
}

Terminal read_body(schema::Terminal::Reader in) {
  return {str(in.getStatus()), str(in.getReason()), read_left(in.getLeft()), in.getFileLate()};
}

Result<JournalFrame> read_frame(schema::JournalFrame::Reader in) {
  const std::int64_t at = in.getAt();
  switch (in.which()) {
    case schema::JournalFrame::OPENED:
      return JournalFrame{at, read_body(in.getOpened())};
    case schema::JournalFrame::EVENT:
      return JournalFrame{at, read_body(in.getEvent())};
    case schema::JournalFrame::INTENT:
      return JournalFrame{at, read_body(in.getIntent())};
    case schema::JournalFrame::PROCESS:
      return JournalFrame{at, read_body(in.getProcess())};
    case schema::JournalFrame::CHECKPOINT:
      return JournalFrame{at, read_body(in.getCheckpoint())};
    case schema::JournalFrame::PAUSE:
      return JournalFrame{at, read_body(in.getPause())};
    case schema::JournalFrame::EXIT:
      return JournalFrame{at, read_body(in.getExit())};
    case schema::JournalFrame::TERMINAL:
      return JournalFrame{at, read_body(in.getTerminal())};
  }
  return Error{std::make_error_code(std::errc::not_supported), "unknown kind of journal frame"};
}

}  // namespace

std::string encode(const JournalFrame& frame) {
  return message::write<schema::JournalFrame>(std::visit(TextBytes{}, frame.body), [&](auto out) {
    out.setAt(frame.at_us);
    std::visit(Writer{out}, frame.body);
  });
}

Result<JournalFrame> decode_journal_frame(std::string_view payload) {
  return message::read<schema::JournalFrame>(payload, "journal frame", read_frame);
}

}  // namespace charter::ipc
