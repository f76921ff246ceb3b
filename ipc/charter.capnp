# The frames of charter-daemon: journals, ledger, doorbell, job and preparation.
# docs/PROTOCOL.md describes each field. Fields are only ever added; numbers are never reused.
@0xd1f0c3b8a5e97c41;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("charter::schema");

# ---------------------------------------------------------------- journal of one run
struct JournalFrame {
  at @0 :Int64;                # microseconds since the Unix epoch, wall clock
  union {
    opened @1 :Opened;         # a worker begins a burst of execution
    event @2 :Event;           # one event for the gateway
    intent @3 :Intent;         # a step attempt is about to begin
    process @4 :StepProcess;   # the process that carries out the attempt
    checkpoint @5 :Checkpoint; # a step has finished, with its outputs
    pause @6 :Pause;           # the run waits; the state file is now the truth
    exit @7 :Exit;             # how the engine ended, from its guardian
    terminal @8 :Terminal;     # the run has ended; the first one wins
  }
}

struct Opened {
  runId @0 :Text;
  burst @1 :UInt32;            # 1 for the first
  cause @2 :Text;              # start, resume, input, continue or project
  guardianPid @3 :Int32;
  guardianStart @4 :UInt64;    # field 22 of /proc/PID/stat
  bootId @5 :Text;
  commandId @6 :Text;          # of the command that caused the burst, or empty
  state @7 :Data;              # the run state this burst starts from, JSON
  pidNamespace @8 :UInt64;     # inode of /proc/self/ns/pid
  bare @9 :Bool;               # in no sandbox; not set by workers of before, in one or not
}

struct Event {
  runId @0 :Text;
  seq @1 :UInt64;
  kind @2 :Text;               # StepStartEvent, ...
  stepId @3 :Text;             # empty for events of the run
  pause @4 :UInt32;            # pauses so far, this one included
  sensitive @5 :Bool;          # something in it was redacted
  json @6 :Data;               # the stock event object, {"kind":...}
  stored @7 :Bool;             # an event store of the project has it, as `streamSeq`
  streamSeq @8 :Int64;
}

struct Intent {
  stepId @0 :Text;
  attempt @1 :UInt32;
  stepType @2 :Text;
}

struct StepProcess {
  stepId @0 :Text;
  attempt @1 :UInt32;
  session @2 :Int32;           # session and process group leader
  start @3 :UInt64;
}

struct Checkpoint {
  stepId @0 :Text;
  outputs @1 :Data;            # JSON object, as the state file has it
  blob @2 :Text;               # file in the run's blob directory instead of `outputs`
  blobSize @3 :UInt64;
}

struct Pause {
  number @0 :UInt32;           # 1 for the first pause of the run
  stepId @1 :Text;
  stateInode @2 :UInt64;
  stateMtimeNs @3 :Int64;
  stateSize @4 :UInt64;
  stateHash @5 :UInt64;        # FNV-1a 64 of the file's bytes
}

struct Exit {
  cause @0 :Text;              # signal, code, killed, interrupted, time limit
  signal @1 :Int32;
  code @2 :Int32;
  askerUid @3 :Int64;          # who asked for the kill, -1 unknown
  elapsedMs @4 :UInt64;        # from the request to an empty tree
  left @5 :List(LeftProcess);
  outOfMemory @6 :Bool;
  limitMs @7 :UInt64;          # that of the time, when it is the cause
  memoryLimit @8 :UInt64;      # bytes, when the kernel ended the engine for want of memory
  memoryPeak @9 :UInt64;
}

struct LeftProcess {
  pid @0 :Int32;
  name @1 :Text;
  reason @2 :Text;
}

struct Terminal {
  status @0 :Text;             # completed, failed, cancelled
  reason @1 :Text;             # why, when it was not the workflow's own doing
  left @2 :List(LeftProcess);
  fileLate @3 :Bool;           # the state file could not be written before it
}

# ---------------------------------------------------------------- ledger of the supervisor
struct LedgerRecord {
  at @0 :Int64;
  union {
    place @1 :Place;
    accepted @2 :Accepted;
    command @3 :Command;
    commandDone @4 :CommandDone;
    spawned @5 :Spawned;
    cursor @6 :Cursor;
    closed @7 :Closed;
    forgotten @8 :Text;        # run id
    started @9 :Started;       # run.start commands already answered, for repeats
  }
}

struct Place {
  version @0 :UInt32;
  inode @1 :UInt64;
  machineId @2 :Text;
  filesystem @3 :Text;         # UUID where there is one
}

struct Accepted {
  runId @0 :Text;
  order @1 :UInt64;            # place in the queue
  workflowId @2 :Text;
  workflowPath @3 :Text;
  startedAt @4 :Text;          # acceptance, as announced
  state @5 :Data;              # initial run state, JSON; empty once a burst has begun
  stateFile @6 :Text;          # file that holds it instead, when large
  adoptedPaused @7 :Bool;      # taken on from a paused state file, never started by us
  projectRoot @8 :Text;        # of the project nested in the daemon's the run belongs to, or empty
  onLost @9 :Text;             # fail or resume, as whoever started it said; empty: the daemon's
  retryOf @10 :Text;           # the run whose finished steps this one begins with, or empty
  sandbox @11 :Bool;            # it is in a sandbox for ever, whatever later daemons are told
  commandId @12 :Text;         # of the run.start that this answers with yes, or empty
}

struct Command {
  runId @0 :Text;
  number @1 :UInt64;           # ledger-wide, ascending
  commandId @2 :Text;          # empty when the sender gave none
  kind @3 :Text;               # approve, refuse, cancel, input, kill
  note @4 :Text;
  hasNote @5 :Bool;
  input @6 :Data;              # JSON of run.input
  askerUid @7 :Int64;          # -1: the gateway
  graceMs @8 :UInt64;
  pause @9 :UInt32;            # pauses of the run when it was accepted
}

struct CommandDone {
  runId @0 :Text;
  number @1 :UInt64;
  ok @2 :Bool;
  code @3 :Text;
  message @4 :Text;
}

struct Spawned {
  runId @0 :Text;
  burst @1 :UInt32;
  pid @2 :Int32;
  start @3 :UInt64;
  secret @4 :Data;             # what its engine says in its hello
}

struct Cursor {
  gateway @0 :Text;            # URL and worker id
  runId @1 :Text;
  seq @2 :UInt64;              # events below this are confirmed
  offset @3 :UInt64;           # where in the journal the next one can be
}

struct Closed {
  runId @0 :Text;
  status @1 :Text;
  delivered @2 :Bool;
}

struct Started {
  commandId @0 :Text;
  runId @1 :Text;
  ok @2 :Bool;
  code @3 :Text;
  message @4 :Text;
  runIdKnown @5 :Bool;         # whether the answer named the run
}

# ---------------------------------------------------------------- what a worker is told and says
struct Job {
  version @0 :UInt32;
  runId @1 :Text;
  projectRoot @2 :Text;
  dataDir @3 :Text;
  doorbell @4 :Text;           # socket path
  secret @5 :Data;
  burst @6 :UInt32;
  cause @7 :Text;              # start, resume, input, continue, project
  state @8 :Data;              # start: the initial run state
  command @9 :Command;         # resume, input; project: the cancellation, if any
  killGraceMs @10 :UInt64;
  nextSeq @11 :UInt64;         # least seq the burst may use
  reason @12 :Text;            # project: why the run ends, when the journal cannot tell
  pauses @13 :UInt32;          # pauses so far
  setupTimeoutMs @14 :UInt64;  # of an integration; 0: the default
  teardownTimeoutMs @15 :UInt64;
  stepOutputMax @16 :UInt64;   # bytes a step may print, or an integration answer; 0: the default
  workflowPath @17 :Text;      # the plan's file, empty when it is not known
  runTimeMaxMs @18 :UInt64;    # what the burst may take; 0: no limit
  resumeLost @19 :Bool;        # a crash is no end: the supervisor lets the run go on
  retryOf @20 :Text;           # start: whose artifacts the state refers to, or empty
  limits @21 :RunLimits;
  workerId @22 :Text;          # as gateways and event stores know the daemon
  sandbox @23 :Sandbox;        # of its steps and integrations
  logMax @24 :UInt64;          # bytes kept of what steps print; 0: nothing is
}

struct RunLimits {             # 0: no limit
  memory @0 :UInt64;           # bytes
  pids @1 :UInt64;
  cpu @2 :UInt64;              # per cent of one processor
  memoryGroup @3 :Text;        # directories of the run's control groups; empty: none keeps the limit
  pidsGroup @4 :Text;
  cpuGroup @5 :Text;
  killGroup @6 :Text;
}

struct Sandbox {
  level @0 :UInt8;             # 0: none; see ipc/sandbox.h
  hidden @1 :List(Text);       # paths that are not there at level 2
}

# One frame of what the steps of a run print, beside the run's journal; see ipc/output_log.h.
struct OutputPiece {
  at @0 :Int64;                # microseconds since the Unix epoch
  position @1 :UInt64;         # bytes of output before it, since the run began
  stepId @2 :Text;             # empty: an integration's, outside of any step
  attempt @3 :UInt32;          # 0: the same
  stream @4 :UInt8;            # 0: stdout, 1: stderr, 2: an integration's stderr
  source @5 :Text;             # the integration's capability
  bytes @6 :Data;              # masked already
}

struct Hello {
  version @0 :UInt32;
  runId @1 :Text;
  secret @2 :Data;
  pid @3 :Int32;
}

struct PrepareRequest {
  version @0 :UInt32;
  kind @1 :Text;               # handoff: a detached run of the CLI; launch: run.start and our client;
                               # input: a submission to a paused run; retry: a run that ended;
                               # describe: no run at all, which workflows there are
  projectRoot @2 :Text;
  runId @3 :Text;
  workflowId @4 :Text;
  workflowPath @5 :Text;       # handoff; input, retry: the state file
  variables @6 :Data;          # JSON object; input: the submission
  snapshot @7 :Data;           # JSON object, handoff with a snapshot
  hasSnapshot @8 :Bool;
  capabilities @9 :Data;       # JSON object, handoff
  textVariables @10 :Bool;     # variables are command-line text, converted as `charter run` does
  journal @11 :Text;           # retry
  blobs @12 :Text;             # retry: the directory of the run's large outputs
  sandbox @13 :Sandbox;        # of the secret backends that are asked
  dataDir @14 :Text;           # the daemon's, where there is a sandbox
}

struct PrepareReply {
  version @0 :UInt32;
  ok @1 :Bool;
  code @2 :Text;               # of section "Error codes" in docs/PROTOCOL.md
  message @3 :Text;
  workflowPath @4 :Text;       # absolute, as announced
  workflowId @5 :Text;
  stateHead @6 :Data;          # between run_id's value and created_at's; describe: the JSON array
  stateTail @7 :Data;          # after updated_at's value
  reads @8 :List(FileIdentity);# what the verdict rests on
  prepared @9 :Bool;           # launch: found wrong only after preparation; the answer names the run
  projectRoot @10 :Text;       # the nearest project around the plan: where its run state lives
  python @11 :Bool;            # an interpreter will be needed
}

struct FileIdentity {
  path @0 :Text;
  device @1 :UInt64;
  inode @2 :UInt64;            # 0: the file was absent
  mtimeNs @3 :Int64;
  size @4 :UInt64;
}
