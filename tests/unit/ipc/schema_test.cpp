// What is on disk, and what goes to gateways, can be read without this project: by the schemas and
// Cap'n Proto's own tool.
#include <gmock/gmock.h>
#include <stdio.h>

#include <fstream>
#include <iterator>

#include "ipc/codec.h"
#include "ipc/gateway_message.h"
#include "scratch.h"

namespace charter::ipc {
namespace {

using ::testing::HasSubstr;

class SchemaTest : public Scratch {
 protected:
  static std::string output_of(const std::string& command) {
    FILE* pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) return {};
    std::string text;
    char buffer[4096];
    for (std::size_t got = 0; (got = ::fread(buffer, 1, sizeof buffer, pipe)) > 0;) {
      text.append(buffer, got);
    }
    return ::pclose(pipe) == 0 ? text : "failed: " + text;
  }
  // The text form of a message, by `capnp decode`.
  std::string decoded(const std::string& bytes, const std::string& root,
                      const std::string& schema = "charter.capnp") const {
    write_file(path("message"), bytes);
    return output_of(std::string(CHARTER_CAPNP) + " decode --short " CHARTER_SCHEMAS "/" + schema +
                     " " + root + " <" + path("message") + " 2>&1");
  }
  // The block of docs/PROTOCOL.md that begins with this fence.
  static std::string documented(const std::string& fence) {
    std::ifstream file(CHARTER_PROTOCOL);
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    const auto begin = text.find("```" + fence + "\n");
    const auto from = text.find('\n', begin) + 1;
    return begin == text.npos ? "" : text.substr(from, text.find("```", from) - from);
  }
};

TEST_F(SchemaTest, describes_a_journal_frame) {
  const JournalFrame frame{1'767'323'045'123'456, Event{"run-1", 7, "StepStartEvent", "build", 0,
                                                        false, "{\"kind\":\"StepStartEvent\"}"}};
  const std::string text = decoded(encode(frame), "JournalFrame");
  EXPECT_THAT(text, HasSubstr("at = 1767323045123456"));
  EXPECT_THAT(text, HasSubstr("event = (runId = \"run-1\", seq = 7, kind = \"StepStartEvent\", "
                              "stepId = \"build\""));
}

TEST_F(SchemaTest, describes_the_processes_that_were_left) {
  const Terminal terminal{"failed", "worker died: signal 11 (SIGSEGV)", {{9, "sleep", "uid"}}};
  const std::string text = decoded(encode(JournalFrame{1, terminal}), "JournalFrame");
  EXPECT_THAT(text, HasSubstr("terminal = (status = \"failed\", reason = \"worker died: signal 11 "
                              "(SIGSEGV)\", left = [(pid = 9, name = \"sleep\""));
}

TEST_F(SchemaTest, describes_a_ledger_record) {
  const LedgerRecord record{5, Closed{"run-1", "completed", true}};
  EXPECT_THAT(decoded(encode(record), "LedgerRecord"),
              HasSubstr("closed = (runId = \"run-1\", status = \"completed\", delivered = true)"));
}

TEST_F(SchemaTest, describes_a_batch_of_events) {
  const std::string frame = encode(JournalFrame{5, Event{"run-1", 7, "K", "s", 1, false, "{}"}});
  const std::string text =
      decoded(encode(wire::ToGateway(wire::Events{{frame}})), "ToGateway", "gateway.capnp");
  EXPECT_THAT(text, HasSubstr("events = (frames = [\""));
  EXPECT_THAT(text, HasSubstr("run-1"));
}

TEST_F(SchemaTest, describes_the_example_of_the_documentation) {
  const std::string hex = documented("hex");
  std::string bytes;
  for (std::size_t at = 0; at + 1 < hex.size();) {
    if (hex[at] == '\n') {
      ++at;
      continue;
    }
    bytes += static_cast<char>(std::stoi(hex.substr(at, 2), nullptr, 16));
    at += 2;
  }
  ASSERT_FALSE(bytes.empty());
  EXPECT_EQ(decoded(bytes, "ToDaemon", "gateway.capnp"), documented("capnp"));
  const auto message = wire::decode_to_daemon(bytes);
  ASSERT_TRUE(message) << message.error().message();
  const auto& command = std::get<wire::Command>(*message);
  EXPECT_EQ(command.command_id, "c-17");
  EXPECT_EQ(command.step_id, "ask");
  EXPECT_EQ(command.pause, 2U);
  EXPECT_EQ(std::get<wire::Resume>(command.order).note, "looks fine");
}

// The worker is linked with a static C library, in which these either do nothing or need the very
// shared libraries it was built with.
TEST_F(SchemaTest, needs_nothing_that_a_static_c_library_lacks) {
  const std::string undefined =
      output_of(std::string(CHARTER_NM) + " --undefined-only " + CHARTER_IPC_LIBRARY);
  ASSERT_THAT(undefined, HasSubstr(" U memcpy"));
  for (const char* symbol :
       {"getaddrinfo", "gethostbyname", "getpwnam", "getpwuid", "getgrnam", "getlogin",
        "initgroups", "iconv_open", "dlopen", "setlocale", "newlocale"}) {
    EXPECT_THAT(undefined, testing::Not(HasSubstr(" U " + std::string(symbol)))) << symbol;
  }
}

}  // namespace
}  // namespace charter::ipc
