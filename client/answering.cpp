#include "client/answering.h"

#include "client/answers.h"

namespace charter::client {
namespace {

void introduce(const std::string& run, const Waiting& waiting) {
  tell("Run " + run + (waiting.form ? " waits for input at step '" : " waits at gate '") +
       waiting.step + "'.");
  Terminal::show(waiting.show);
  Terminal::show(waiting.message);
}

// What was said, or the daemon's answer to it.
Expected<Terminal::Said> ask_and_send(Terminal& terminal, const Target& target,
                                      const std::string& run, const Waiting& waiting) {
  GateReply reply;
  std::string answers;
  const Terminal::Said said =
      waiting.form ? ask_form(terminal, waiting, answers) : ask_gate(terminal, reply);
  if (said != Terminal::Said::line) return said;
  std::optional<std::string> note;
  if (!reply.note.empty()) note = reply.note;
  const auto sent = waiting.form ? send_answers(target, run, answers)
                                 : send_decision(target, run, reply.approved, note);
  if (!sent) return sent.error();
  return said;
}

}  // namespace

Expected<Fields> send_decision(const Target& target, const std::string& run, bool approved,
                               const std::optional<std::string>& note) {
  Request request("resume");
  request.text("run_id", run).truth("approved", approved);
  if (note) request.text("note", *note);
  return ask(target, request, in_ms(kAnswerMs));
}

Expected<Fields> send_answers(const Target& target, const std::string& run,
                              std::string_view answers) {
  Request request("submit");
  request.text("run_id", run).raw("answers", answers);
  return ask(target, request, in_ms(kAnswerMs));
}

Expected<Answering> answer_at_terminal(const Target& target, const std::string& run,
                                       const Waiting& waiting, Meanwhile meanwhile) {
  introduce(run, waiting);
  Terminal terminal(std::move(meanwhile));
  while (true) {
    const auto said = ask_and_send(terminal, target, run, waiting);
    if (said && *said == Terminal::Said::left) return Answering::left;
    if (said && *said == Terminal::Said::withdrawn) {
      tell("Somebody else has answered.");
      return Answering::overtaken;
    }
    if (said && *said == Terminal::Said::late) return Answering::overtaken;
    if (said) return Answering::accepted;
    const std::string& code = said.error().code;
    if (said.error().exit_code == kExitNoDaemon) {
      tell(said.error().message + " The answer was not taken.");
      continue;
    }
    if (code != "invalid_input_payload" && code != "not_paused" &&
        code != "not_waiting_for_input") {
      return said.error();
    }
    tell(said.error().message);
    if (code != "invalid_input_payload") return Answering::overtaken;
  }
}

}  // namespace charter::client
