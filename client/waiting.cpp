#include "client/waiting.h"
#include "client/text.h"

namespace charter::client {
namespace {

std::vector<Question> questions_of(const Fields& holder) {
  std::vector<Question> questions;
  for (const Fields& one : holder.objects("questions")) {
    Question question{one.text("id"),        one.text("kind"),         one.text("prompt"),
                      one.truth("optional"), one.truth("allow_other"), {}};
    for (const Fields& option : one.objects("options")) {
      question.options.push_back(
          {option.text("value"), option.text("label"), option.truth("recommended")});
    }
    questions.push_back(std::move(question));
  }
  return questions;
}

// Texts of a gate need not be text; what else they are is shown as it stands.
std::string text_or_raw(const Fields& holder, std::string_view key) {
  if (!holder.has(key)) return {};
  std::string text = holder.text(key);
  const std::string_view raw = holder.raw(key);
  return text.empty() && !raw.starts_with('"') ? std::string(raw) : text;
}

Waiting waiting_at(const Fields& holder, std::string step, bool form) {
  return {form, std::move(step), text_or_raw(holder, "show"), text_or_raw(holder, "message"),
          form ? questions_of(holder) : std::vector<Question>()};
}

std::string example_of(const Question& question) {
  const std::string first = question.options.empty() ? "..." : question.options.front().value;
  if (question.kind == "multi_select") return "[" + ipc::quoted(first) + "]";
  return ipc::quoted(question.kind == "select" ? first : "...");
}

// The answers' form as one word of a shell's line.
std::string example_of(const std::vector<Question>& questions) {
  std::string json = "{";
  for (const Question& question : questions) {
    if (json.size() > 1) json += ", ";
    json += ipc::quoted(question.id) + ": " + example_of(question);
  }
  json += "}";
  return in_quotes(json);
}

}  // namespace

std::optional<Waiting> waiting_of(const EventView& event) {
  const bool form = event.kind == "InputPendingEvent";
  if (!form && event.kind != "GatePendingEvent") return std::nullopt;
  return waiting_at(event.event, event.step, form);
}

std::optional<Waiting> waiting_in(const Fields& state) {
  const std::string_view step = state.raw("current_step_id");
  for (const Fields& one : state.object("workflow_snapshot").objects("steps")) {
    if (one.raw("id") != step) continue;
    const std::string type = one.text("type");
    if (type != "gate" && type != "input") return std::nullopt;
    return waiting_at(one, text_or_raw(one, "id"), type == "input");
  }
  return std::nullopt;
}

std::string how_to_answer(const std::string& run, const Waiting& waiting) {
  if (!waiting.form) {
    return "Run " + run + " waits at gate '" + waiting.step +
           "'. Answer it with: charter-daemon resume " + run + " --approve (or --deny)";
  }
  return "Run " + run + " waits for input at step '" + waiting.step +
         "'. Answer it with: charter-daemon submit " + run + " --answers " +
         example_of(waiting.questions);
}

}  // namespace charter::client
