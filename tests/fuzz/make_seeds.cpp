// Writes the seeds that are no text: one message of each kind for `codec`
// and `gateway`, and programs for `log`.
#include <filesystem>
#include <fstream>
#include <string>

#include "ipc/codec.h"
#include "ipc/doorbell.h"
#include "ipc/gateway_message.h"
#include "ipc/job.h"
#include "ipc/prepare.h"

namespace {

using namespace charter::ipc;

class Corpus {
 public:
  Corpus(const std::filesystem::path& directory) : directory_(directory) {
    std::filesystem::create_directories(directory);
  }
  void add(const std::string& bytes) {
    std::ofstream(directory_ / ("seed-" + std::to_string(count_++)), std::ios::binary) << bytes;
  }

 private:
  std::filesystem::path directory_;
  int count_ = 0;
};

// `selector` as codec_fuzz.cpp reads it; without its segment table, which that puts back.
std::string selected(char selector, const std::string& message) {
  return selector + message.substr(8);
}

void add_frames(Corpus& codec) {
  const std::vector<LeftProcess> left = {{1, "sleep", "other uid"}};
  for (const JournalFrame& frame : std::initializer_list<JournalFrame>{
           {1, Opened{"r", 2, "resume", 33, 44, "boot", "c1", "{\"a\":1}", 55}},
           {2, Event{"r", 7, "StepStartEvent", "s", 3, true, "{}"}},
           {3, Intent{"s", 2, "shell"}},
           {4, StepProcess{"s", 2, 4321, 987654321}},
           {5, Checkpoint{"s", "{\"out\":1}", "s.blob", 77}},
           {6, Pause{4, "gate", 123, -5, 678, 9}},
           {7, Exit{"signal", 11, 3, 1000, 250, left, true}},
           {8, Terminal{"failed", "worker died", left}}}) {
    codec.add(selected('\0', encode(frame)));
  }
}

void add_records(Corpus& codec) {
  for (const LedgerRecord& record : std::initializer_list<LedgerRecord>{
           {1, Place{1, 22, "machine", "uuid"}},
           {2, Accepted{"r", 3, "w", "/p/plan.yml", "2026-01-02T03:04:05Z", "{}", "file", true}},
           {3, Command{"r", 4, "c", "approve", "a note", "{\"kind\":\"x\"}", 1000, 10, 3}},
           {6, CommandDone{"r", 5, false, "code", "message"}},
           {7, Spawned{"r", 2, 4321, 99, "secret"}},
           {8, Cursor{"ws://g|w", "r", 10, 4096}},
           {9, Closed{"r", "completed", true}},
           {10, Forgotten{"r"}},
           {11, Started{"c", "r", false, "code", "message", false}}}) {
    codec.add(selected('\1', encode(record)));
  }
}

void add_wire_messages(Corpus& gateway) {
  const std::string frame = encode(JournalFrame{2, Event{"r", 7, "K", "s", 3, true, "{}"}});
  for (const wire::ToGateway& message : std::initializer_list<wire::ToGateway>{
           wire::Register{1, "w", 4, {"a", "b"}}, wire::Announced{"r", "running", "/p", "t"},
           wire::Events{{frame, frame}}, wire::Heartbeat{1, 2},
           wire::CommandResult{"c", "r", false, "code", "message"}, wire::Described{1, "[]", ""},
           wire::Output{1,
                        {{2, 7, "s", 1, OutputStream::err, "cap", "text"}},
                        {11, 7, 96},
                        true,
                        false,
                        ""}}) {
    gateway.add('\0' + wire::encode(message));
  }
  for (const wire::ToDaemon& message : std::initializer_list<wire::ToDaemon>{
           wire::Welcome{}, wire::Acks{{"r", 7}, {"s", 8}},
           wire::Command{"c", "r", "", 0, wire::Start{"w", "{}"}},
           wire::Command{"c", "r", "s", 2, wire::Resume{true, "note"}},
           wire::Command{"c", "r", "s", 2, wire::Cancel{"note"}},
           wire::Command{"c", "r", "s", 2, wire::Input{"{\"kind\":\"form\"}"}}, wire::Describe{1},
           wire::ReadOutput{1, "r", "t", {7, 0, 64}, 0, 4096}}) {
    gateway.add('\1' + wire::encode(message));
  }
  gateway.add('\2' + frame);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::filesystem::path root(argv[1]);
  Corpus codec(root / "codec");
  add_frames(codec);
  add_records(codec);
  Job job;
  job.command = Command{"r", 1, "c", "approve", "note", "{}", 0, 0, 0};
  codec.add(selected('\2', encode(job)));
  codec.add(selected('\3', encode(Hello{})));
  codec.add(selected('\4', encode(PrepareRequest{})));
  PrepareReply reply;
  reply.reads = {{"/a", 1, 2, 3, 4}};
  codec.add(selected('\5', encode(reply)));

  Corpus gateway(root / "gateway");
  add_wire_messages(gateway);

  Corpus log(root / "log");
  std::string frames;
  for (char kind = 0; kind < 8; ++kind) frames += std::string{'\0', '\0', kind};
  log.add(frames);
  log.add(frames + "\x06\x10");                             // a torn tail
  log.add(frames + "\x27\x30" + frames);                    // a flipped bit, then more frames
  log.add(frames + std::string("\x04\x05zzzzz") + frames);  // foreign bytes between frames
  log.add("\x02\x0F" + std::string(128, 'p'));              // a payload that is no message
  return 0;
}
