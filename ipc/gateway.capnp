# What daemon and gateway say to each other when they have chosen the WebSocket subprotocol
# charter.capnp.v1: each binary message is one Cap'n Proto message in the standard framing, its
# root ToGateway or ToDaemon. docs/PROTOCOL.md describes each field and the order of things. Fields
# are only ever added; numbers are never reused.
@0x9a21c8a7b17f334e;

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("charter::schema::wire");

# ---------------------------------------------------------------- from the daemon
struct ToGateway {
  union {
    register @0 :Register;       # the first message of a connection
    announced @1 :Announced;     # a run, before its events
    events @2 :Events;           # what is to be acknowledged
    heartbeat @3 :Heartbeat;
    result @4 :CommandResult;          # the one answer to a command
    described @5 :Described;     # the one answer to `describe`
    output @6 :Output;           # the one answer to `readOutput`
  }
}

struct Register {
  version @0 :UInt32;            # of this protocol: 1
  workerId @1 :Text;
  maxRuns @2 :Int64;
  activeRuns @3 :List(Text);     # ids of the runs that are not finished
  tellsOutput @4 :Bool;          # it answers `readOutput`
}

struct Announced {
  runId @0 :Text;
  status @1 :Text;               # running, paused, completed, failed, cancelled
  workflowPath @2 :Text;         # empty: unknown
  startedAt @3 :Text;            # as in JSON; empty: unknown
}

struct Events {
  # Each a flat message whose root is JournalFrame of charter.capnp, always of the kind `event`:
  # the bytes that lie in the run's journal. Of one run seq ascends.
  frames @0 :List(Data);
}

struct Heartbeat {
  running @0 :UInt64;
  paused @1 :UInt64;
}

struct CommandResult {
  commandId @0 :Text;
  runId @1 :Text;                # empty where a preparation failed, or the command named none
  ok @2 :Bool;
  code @3 :Text;                 # empty when ok
  message @4 :Text;              # empty when ok
}

struct Described {
  id @0 :UInt64;                 # of the question
  workflows @1 :Data;            # JSON array of what the project has; empty when there is an error
  error @2 :Text;                # why it cannot be told; empty otherwise
}

struct Output {
  # Of what a run's steps print, a part.
  id @0 :UInt64;                 # of the question
  # Each a flat message whose root is OutputPiece of charter.capnp: the bytes that lie in the run's
  # log. Positions ascend; what is missing between two of them is not kept.
  pieces @1 :List(Data);
  next @2 :OutputPlace;          # where to go on
  more @3 :Bool;                 # there is something already
  over @4 :Bool;                 # nothing will come any more
  error @5 :Text;                # why nothing can be told; empty otherwise
}

struct OutputPlace {
  position @0 :UInt64;           # output before it is not meant
  # Where in the daemon's files that was, so that it need not be looked for; 0 and 0: the beginning.
  segment @1 :UInt64;
  offset @2 :UInt64;
}

# ---------------------------------------------------------------- from the gateway
struct ToDaemon {
  union {
    welcome @0 :Welcome;         # the first message of a connection, unasked
    acks @1 :List(Ack);
    command @2 :Command;
    describe @3 :Describe;
    readOutput @4 :ReadOutput;
  }
}

struct Welcome {
  version @0 :UInt32;            # of this protocol: 1
}

struct Ack {
  # The event `seq` of the run, and all before it that came on this connection, are on disk.
  runId @0 :Text;
  seq @1 :UInt64;
}

struct Describe {
  # Which workflows are there now, with the inputs they declare? Changes nothing, so nobody keeps it.
  id @0 :UInt64;                 # for the answer
}

struct ReadOutput {
  # What has the run printed? Changes nothing, so nobody keeps it.
  id @0 :UInt64;                 # for the answer
  runId @1 :Text;
  startedAt @2 :Text;            # as announced; empty: whichever run has that id
  place @3 :OutputPlace;         # from there on
  tail @4 :UInt64;               # not 0: in place of that about the last so many bytes
  maxBytes @5 :UInt32;           # about so much in the answer; 0: as the daemon likes
}

struct Command {
  commandId @0 :Text;            # never empty: it takes effect once
  runId @1 :Text;                # start: may be empty, the daemon chooses one then
  stepId @2 :Text;               # resume, input: the step that waits, or empty
  pause @3 :UInt32;              # resume, input: the pause that is answered; 0: whichever there is
  union {
    start @4 :Start;
    resume @5 :Resume;
    cancel @6 :Cancel;
    input @7 :Input;
  }
}

struct Start {
  workflowId @0 :Text;
  variables @1 :Data;            # JSON object; empty: none
}

struct Resume {
  approved @0 :Bool;
  note @1 :Text;
  hasNote @2 :Bool;
}

struct Cancel {
  note @0 :Text;
  hasNote @1 :Bool;
}

struct Input {
  json @0 :Data;                 # JSON object {"kind": …}
}
