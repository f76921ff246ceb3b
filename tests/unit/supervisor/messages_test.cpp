// The stock messages, byte for byte out; and in, by the reference's verdicts.
#include "supervisor/link/messages.h"

#include <gtest/gtest.h>

#include <string>

namespace charter::supervisor {
namespace {

// What an inbound message became, as one line that tests can compare.
std::string shown(const std::optional<std::string>& text) { return text ? "'" + *text + "'" : "-"; }

struct Shown {
  std::string operator()(const RunStart& m) const {
    return "start " + m.command_id + " " + m.workflow_id + " " + shown(m.run_id) + " " +
           m.variables;
  }
  std::string operator()(const RunResume& m) const {
    return "resume " + m.run_id + (m.approved ? " yes " : " no ") + shown(m.note) + " " +
           shown(m.command_id);
  }
  std::string operator()(const RunCancel& m) const {
    return "cancel " + m.run_id + " " + shown(m.note) + " " + shown(m.command_id);
  }
  std::string operator()(const RunInput& m) const {
    return "input " + m.run_id + " " + m.command_id + " " + m.kind + " " + m.input;
  }
  std::string operator()(const Malformed& m) const {
    return "malformed " + m.command_id + " " + m.message;
  }
  std::string operator()(const Ignored& m) const { return "ignored " + m.what; }
};

std::string verdict(std::string_view text) { return std::visit(Shown{}, parse_inbound(text)); }

std::string start_with(const std::string& more) {
  return R"({"type":"run.start","command_id":"c","workflow_id":"w")" + more + "}";
}

TEST(MessagesOut, HaveTheProtocolsKeysInOrderAndItsNulls) {
  EXPECT_EQ(register_message("w\"1", 4, {"a", "b"}),
            R"({"type":"worker.register","worker_id":"w\"1","capabilities":{"max_runs":4},)"
            R"("active_runs":["a","b"]})");
  EXPECT_EQ(register_message("w", 1, {}),
            R"({"type":"worker.register","worker_id":"w","capabilities":{"max_runs":1},)"
            R"("active_runs":[]})");
  EXPECT_EQ(announced_message("w", {"r", "running", "/p/plan.yml", "2025-01-02T03:04:05Z"}),
            R"({"type":"run.announced","run_id":"r","worker_id":"w","status":"running",)"
            R"("workflow_path":"/p/plan.yml","started_at":"2025-01-02T03:04:05Z"})");
  EXPECT_EQ(announced_message("w", {"r", "paused", std::nullopt, std::nullopt}),
            R"({"type":"run.announced","run_id":"r","worker_id":"w","status":"paused",)"
            R"("workflow_path":null,"started_at":null})");
  EXPECT_EQ(heartbeat_message("w", 2, 3),
            R"({"type":"worker.heartbeat","worker_id":"w","load":{"running":2,"paused":3}})");
}

TEST(MessagesOut, SpliceTheEventsBytesUnchanged) {
  const std::string event = R"({"kind":"RunFailedEvent", "error":"1e+16 \u00e9 é" })";
  EXPECT_EQ(event_message("w", "r", 18446744073709551615U, "2025-01-02T03:04:05.000001Z", event),
            R"({"type":"run.event","run_id":"r","worker_id":"w","seq":18446744073709551615,)"
            R"("stream_seq":null,"occurred_at":"2025-01-02T03:04:05.000001Z","event":)" +
                event + "}");
  EXPECT_EQ(event_message("w", "r", 0, "t", "{}", 7),
            R"({"type":"run.event","run_id":"r","worker_id":"w","seq":0,"stream_seq":7,)"
            R"("occurred_at":"t","event":{}})");
}

TEST(MessagesOut, AnswerCommands) {
  EXPECT_EQ(command_result_message("w", "r", "c", {}),
            R"({"type":"command.result","worker_id":"w","run_id":"r","command_id":"c","ok":true,)"
            R"("code":null,"message":null})");
  EXPECT_EQ(command_result_message("w", std::nullopt, "c", {false, "unknown_workflow", "no\n"}),
            R"({"type":"command.result","worker_id":"w","run_id":null,"command_id":"c",)"
            R"("ok":false,"code":"unknown_workflow","message":"no\n"})");
  EXPECT_EQ(command_error_message("c", "workflow_id: Field required"),
            R"({"type":"command.error","command_id":"c","code":"invalid_command",)"
            R"("message":"workflow_id: Field required"})");
}

TEST(MessagesIn, StartIsReadWithItsVariablesAsSent) {
  EXPECT_EQ(verdict(start_with("")), "start c w - {}");
  EXPECT_EQ(verdict(start_with(R"(,"run_id":null)")), "start c w - {}");
  EXPECT_EQ(verdict(start_with(R"(,"run_id":"")")), "start c w - {}");
  EXPECT_EQ(verdict(start_with(R"(,"run_id":"r1")")), "start c w 'r1' {}");
  EXPECT_EQ(verdict(start_with(R"(,"variables":{"a": 1.0, "b":NaN})")),
            R"(start c w - {"a": 1.0, "b":NaN})");
  EXPECT_EQ(verdict(" " + start_with("") + "\n"), "start c w - {}");
  EXPECT_EQ(verdict(R"({"type":"run.\u0073tart","command_id":"","workflow_id":""})"),
            "start   - {}");
}

TEST(MessagesIn, LastDuplicateWins) {
  EXPECT_EQ(verdict(start_with(R"(,"command_id":7,"command_id":"d","type":"run.start")")),
            "start d w - {}");
  EXPECT_EQ(verdict(start_with(R"(,"workflow_id":5)")),
            "malformed c workflow_id: Input should be a valid string");
}

// Declared fields come first in their own order, then the undeclared ones as sent.
TEST(MessagesIn, MalformedStartNamesTheReferencesFirstProblem) {
  const std::string text = ": Input should be a valid string";
  EXPECT_EQ(verdict(R"({"type":"run.start","command_id":"c"})"),
            "malformed c workflow_id: Field required");
  EXPECT_EQ(verdict(R"({"type":"run.start","command_id":"c","workflow_id":null})"),
            "malformed c workflow_id" + text);
  EXPECT_EQ(verdict(start_with(R"(,"aa":2,"zz":1,"run_id":4)")), "malformed c run_id" + text);
  EXPECT_EQ(verdict(start_with(R"(,"zz":1,"aa":2)")),
            "malformed c zz: Extra inputs are not permitted");
  EXPECT_EQ(verdict(R"({"zz":1,"type":"run.start","command_id":"c","workflow_id":"w","aa":1})"),
            "malformed c zz: Extra inputs are not permitted");
  EXPECT_EQ(verdict(start_with(R"(,"":1)")), "malformed c : Extra inputs are not permitted");
  for (const char* variables : {"[1]", "null", "\"{}\"", "5", "true"}) {
    EXPECT_EQ(verdict(start_with(std::string(R"(,"variables":)") + variables)),
              "malformed c variables: Input should be a valid dictionary");
  }
}

TEST(MessagesIn, StartWithoutATextualCommandIdIsIgnored) {
  EXPECT_EQ(verdict(R"({"type":"run.start","workflow_id":"w"})"), "ignored run.start: command_id");
  EXPECT_EQ(verdict(R"({"type":"run.start","command_id":5})"), "ignored run.start: command_id");
  EXPECT_EQ(verdict(R"({"type":"run.start","command_id":null})"), "ignored run.start: command_id");
}

// They are kept for ever, and written down with every snapshot of the ledger.
TEST(MessagesIn, CommandIdsHaveAtMostAKiB) {
  const std::string fits(1024, 'x');
  const std::string longer = fits + "x";
  const auto message = [](const std::string& id, const std::string& rest) {
    return R"({"command_id":")" + id + R"(","run_id":"r","type":)" + rest + "}";
  };
  const std::string start = R"("run.start","workflow_id":"w")";
  EXPECT_EQ(verdict(message(fits, start)), "start " + fits + " w 'r' {}");
  EXPECT_EQ(verdict(message(longer, start)),
            "malformed " + longer + " command_id: must have at most 1024 bytes");
  EXPECT_EQ(verdict(message(fits, R"("run.cancel")")), "cancel r - '" + fits + "'");
  EXPECT_EQ(verdict(message(longer, R"("run.cancel")")), "ignored run.cancel: command_id");
  EXPECT_EQ(verdict(message(longer, R"("run.resume","approved":true)")),
            "ignored run.resume: command_id");
  EXPECT_EQ(verdict(message(longer, R"("run.input","input":{"kind":"form"})")),
            "ignored run.input: command_id");
}

TEST(MessagesIn, ApprovedTakesWhatTheReferenceTakes) {
  const auto approved = [](std::string_view value) {
    return verdict(R"({"type":"run.resume","run_id":"r","approved":)" + std::string(value) + "}");
  };
  for (const char* value :
       {"true", "1", "1.0", "1e0", "10e-1", "0.1e1", "100e-2", "1.0000000000000000000001",
        "0.99999999999999999999", R"("yes")", R"("YES")", R"("on")", R"("T")", R"("Y")",
        R"("TrUe")", R"("1")", R"("\u0079es")"}) {
    EXPECT_EQ(approved(value), "resume r yes - -") << value;
  }
  for (const char* value : {"false", "0", "-0", "0.0", "-0.0", "0e99", "1e-400", "-1e-400",
                            R"("off")", R"("f")", R"("N")", R"("0")", R"("FALSE")"}) {
    EXPECT_EQ(approved(value), "resume r no - -") << value;
  }
  for (const char* value :
       {"2", "-1", "-1.0", "0.5", "1.5", "0.9999999999999999", "NaN", "Infinity", "1E400", "null",
        "[]", "{}", R"(" yes")", R"("yes ")", R"("1.0")", R"("")", R"("ok")", R"("ye\u017f")",
        "1000000000000000000000000000000"}) {
    EXPECT_EQ(approved(value), "ignored run.resume: approved") << value;
  }
}

TEST(MessagesIn, OtherCommandsIgnoreUnknownFieldsButNotWrongTypes) {
  EXPECT_EQ(verdict(R"({"type":"run.resume","run_id":"r","approved":true,"note":"n",)"
                    R"("command_id":"c","x":1})"),
            "resume r yes 'n' 'c'");
  EXPECT_EQ(verdict(R"({"type":"run.resume","run_id":"r","approved":true,"note":1})"),
            "ignored run.resume: note");
  EXPECT_EQ(verdict(R"({"type":"run.cancel","run_id":"r"})"), "cancel r - -");
  EXPECT_EQ(verdict(R"({"type":"run.cancel","run_id":"r","note":null,"command_id":null,"x":1})"),
            "cancel r - -");
  EXPECT_EQ(verdict(R"({"type":"run.cancel","run_id":null})"), "ignored run.cancel: run_id");
  EXPECT_EQ(verdict(R"({"type":"run.cancel","run_id":"r","note":5})"), "ignored run.cancel: note");
  EXPECT_EQ(verdict(R"({"type":"run.cancel","run_id":"r","command_id":5})"),
            "ignored run.cancel: command_id");
}

TEST(MessagesIn, InputKeepsItsPayloadAsSent) {
  EXPECT_EQ(verdict(R"({"type":"run.input","run_id":"r","command_id":"c",)"
                    R"("input":{ "kind":"form","a":[1.0] },"zz":3})"),
            R"(input r c form { "kind":"form","a":[1.0] })");
  EXPECT_EQ(verdict(R"({"type":"run.input","run_id":"r","command_id":"c","input":{"kind":5}})"),
            "ignored run.input: input.kind");
  EXPECT_EQ(verdict(R"({"type":"run.input","run_id":"r","command_id":"c","input":[]})"),
            "ignored run.input: input");
  EXPECT_EQ(verdict(R"({"type":"run.input","run_id":"r","command_id":null,"input":{"kind":"k"}})"),
            "ignored run.input: command_id");
}

TEST(MessagesIn, AnythingElseIsIgnoredAndItsContentsStayOutOfTheLog) {
  EXPECT_EQ(verdict("{'type':1}"), "ignored not JSON");
  EXPECT_EQ(verdict(start_with("") + "x"), "ignored not JSON");
  EXPECT_EQ(verdict("\xEF\xBB\xBF" + start_with("")), "ignored not JSON");
  EXPECT_EQ(verdict("\"\xFF\""), "ignored not JSON");
  EXPECT_EQ(verdict(std::string(200'000, '[')), "ignored not JSON");
  EXPECT_EQ(verdict(""), "ignored not JSON");
  std::string flood = R"({"type":"run.cancel","run_id":"r")";
  for (int member = 0; member < 10'000; ++member) flood += R"(,"":0)";
  EXPECT_EQ(verdict(flood + "}"), "ignored not JSON: more than 10000 members at byte 50024");
  for (const char* text : {"[]", "5", "\"s\"", "null"}) {
    EXPECT_EQ(verdict(text), "ignored not an object") << text;
  }
  for (const char* text :
       {"{}", R"({"type":5})", R"({"type":null})", R"({"type":["run.start"]})"}) {
    EXPECT_EQ(verdict(text), "ignored type") << text;
  }
  EXPECT_EQ(verdict(R"({"type":"run.start "})"), "ignored unknown type run.start?");
  EXPECT_EQ(verdict(R"({"type":"a\n\u001b[31m","secret":"hush"})"), "ignored unknown type a??[31m");
  EXPECT_EQ(verdict(R"({"type":")" + std::string(100, 'x') + R"("})"),
            "ignored unknown type " + std::string(64, 'x') + "...");
}

}  // namespace
}  // namespace charter::supervisor
