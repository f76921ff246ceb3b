#include "client/run_view.h"

#include "client/event_view.h"
#include "client/text.h"
#include "client/times.h"

namespace charter::client {
namespace {

Tone tone_of(std::string_view word) {
  if (word == "completed" || word == "up") return Tone::good;
  if (word == "failed" || word == "unreachable") return Tone::bad;
  if (word == "paused" || word == "cancelled" || word == "held" || word == "waiting" ||
      word == "connecting") {
    return Tone::attention;
  }
  return Tone::plain;
}

// How a run stands in one word: our own while it is on its way, the wire's once it has ended or
// when it is not ours.
std::string standing(const Fields& run) {
  const std::string state = run.text("state");
  const bool plain = state == "finished" || state == "untracked" || state.empty();
  return plain ? run.text("status") : state;
}

// "events told / confirmed by the gateway", one number when they agree.
std::string events_of(const Fields& run) {
  if (!run.has("events")) return {};  // only a state file tells of this run
  const auto events = run.number("events").value_or(0);
  const auto delivered = run.number("delivered").value_or(events);
  if (events == delivered) return std::to_string(events);
  return std::to_string(events) + " (" + std::to_string(delivered) + " delivered)";
}

// Lines of "name  value" with the values below each other.
class Sheet {
 public:
  explicit Sheet(const Screen& screen) : screen_(screen) {}

  void line(std::string_view name, std::string_view value, Tone tone = Tone::plain) {
    if (value.empty()) return;
    std::string label(name);
    label.append(label.size() < 12 ? 12 - label.size() : 1, ' ');
    text_ += toned(label, Tone::faint, screen_) + toned(printable(value), tone, screen_) + "\n";
  }
  [[nodiscard]] std::string text() const { return text_; }

 private:
  const Screen& screen_;
  std::string text_;
};

// {"executing":2,"queued":0} as "2 executing"; what there is none of is left out.
std::string counts(const Fields& numbers) {
  std::string text;
  for (const ipc::JsonMember& member : numbers.members()) {
    if (member.kind != ipc::JsonKind::number || member.raw == "0") continue;
    if (!text.empty()) text += ", ";
    std::string name = member.key;
    for (char& c : name) c = c == '_' ? ' ' : c;
    text += std::string(member.raw) + " " + name;
  }
  return text.empty() ? "none" : text;
}

// 2026-01-02 03:04:05 UTC (3 min ago)
std::string when(const std::string& wire_time, std::int64_t now_ms) {
  if (wire_time.empty()) return {};
  const std::string full = short_time(wire_time);
  const std::string relative = ago(wire_time, now_ms);
  if (relative == full) return full;
  return full + " UTC (" + relative + ")";
}

// How the link stands, since when, and what comes next.
std::string link_text(const Fields& gateway, std::int64_t now_ms) {
  std::string how = gateway.text("state");
  if (const std::string since = gateway.text("connected_since"); !since.empty()) {
    how += " since " + when(since, now_ms);
  }
  if (how == "waiting") {
    if (const auto next = gateway.number("next_try_ms")) {
      how += ", next try in " + duration_text(*next);
    }
    if (const auto tried = gateway.number("attempts"); tried && *tried > 0) {
      how += ", after " + std::to_string(*tried) + (*tried == 1 ? " attempt" : " attempts");
    }
  }
  return how;
}

void gateway_lines(Sheet& sheet, const Fields& gateway, std::int64_t now_ms) {
  const std::string state = gateway.text("state");
  sheet.line("gateway", gateway.text("url"));
  sheet.line("link", link_text(gateway, now_ms), tone_of(state));
  const auto moment = [&](std::string_view name, std::string_view member) {
    const std::string at = gateway.text(member);
    if (!at.empty()) sheet.line(name, ago(at, now_ms));
  };
  moment("heartbeat", "last_heartbeat_at");
  moment("heard", "last_heard_at");
  if (gateway.has("confirms")) sheet.line("confirms by", gateway.text("confirms"));
  if (gateway.has("connections")) sheet.line("connections", gateway.raw("connections"));
  if (gateway.has("backlog_events")) {
    std::string backlog(gateway.raw("backlog_events"));
    backlog += " events";
    if (gateway.has("backlog_runs")) {
      backlog += " of " + std::string(gateway.raw("backlog_runs")) + " runs";
    }
    const bool none = gateway.number("backlog_events") == 0;
    sheet.line("backlog", none ? "none" : backlog, none ? Tone::plain : Tone::attention);
  }
  sheet.line("last error", gateway.text("last_error"), state == "up" ? Tone::faint : Tone::bad);
  sheet.line("warning", gateway.text("warning"), Tone::attention);
}

std::string bytes_text(std::int64_t bytes) {
  constexpr std::int64_t kKibi = 1024;
  constexpr std::int64_t kMebi = kKibi * kKibi;
  if (bytes % kMebi == 0) return std::to_string(bytes / kMebi) + " MiB";
  return bytes % kKibi == 0 ? std::to_string(bytes / kKibi) + " KiB"
                            : std::to_string(bytes) + " bytes";
}

// A line each, so that what is not in force is not overlooked.
void limit_lines(Sheet& sheet, const Fields& limits) {
  const auto time = limits.number("run_time_max_ms");
  sheet.line("limits", "a run's time: " + (time ? duration_text(*time) : std::string("none")));
  const auto line = [&](const char* member, const std::string& name, const auto& shown) {
    const Fields limit = limits.object(member);
    const auto most = limit.number("max");
    if (!most) return sheet.line("", name + ": none");
    const bool in_force = limit.truth("in_force");
    std::string text = name + ": " + shown(*most) + (in_force ? ", by " : ", NOT in force");
    if (in_force) text += limit.text("means");
    if (const std::string note = limit.text("note"); !note.empty()) {
      text += (in_force ? ", " : ": ") + note;
    }
    sheet.line("", text, in_force ? Tone::plain : Tone::attention);
  };
  line("memory", "memory", bytes_text);
  line("pids", "processes", [](std::int64_t most) { return std::to_string(most); });
  line("cpu", "processors", [](std::int64_t most) { return std::to_string(most) + " %"; });
  // A daemon of an earlier version does not tell.
  const auto output = limits.number("step_output_max");
  if (output) sheet.line("", "what a step prints: " + bytes_text(*output));
  const auto log = limits.number("run_log_max");
  if (log) sheet.line("", "a run's log: " + (*log == 0 ? "none is kept" : bytes_text(*log)));
}

// What is missing counts for the runs that have it: none of the daemon's own accord, or all.
void sandbox_lines(Sheet& sheet, const Fields& sandbox) {
  if (!sandbox.has("mode")) return;
  const bool wanted = sandbox.text("mode") == "project";
  const auto level = sandbox.number("level").value_or(0);
  const std::string had = level == 0 ? "none" : "level " + std::to_string(level);
  const std::string text =
      wanted ? had + ", of every run" : "of runs that ask for it; " + had + " can be had";
  sheet.line("sandbox", text, wanted && level == 0 ? Tone::bad : Tone::plain);
  for (const Fields& one : sandbox.objects("missing")) {
    sheet.line("  lacks", "level " + std::string(one.raw("level")) + ": " + one.text("what"),
               wanted ? Tone::attention : Tone::faint);
  }
}

}  // namespace

std::string runs_text(const std::vector<Fields>& runs, const Screen& screen, std::int64_t now_ms) {
  Table table({{.title = "RUN", .whole = true},
               {.title = "WORKFLOW", .elastic = true},
               {.title = "STATE"},
               {.title = "STEP", .elastic = true},
               {.title = "STARTED", .leaves = 4},
               {.title = "BY", .leaves = 2},
               {.title = "EVENTS", .right = true, .leaves = 1},
               {.title = "ERROR", .elastic = true, .leaves = 3}});
  for (const Fields& run : runs) {
    const std::string state = standing(run);
    table.add({{run.text("run_id")},
               {run.text("workflow_id")},
               {state, tone_of(state)},
               {run.text("step")},
               {ago(run.text("started_at"), now_ms), Tone::faint},
               {run.text("by"), Tone::faint},
               {events_of(run)},
               {run.text("error"), Tone::bad}});
  }
  return table.empty() ? "No runs.\n" : table.render(screen);
}

std::string run_text(const Fields& run, const Screen& screen, std::int64_t now_ms) {
  Sheet sheet(screen);
  const std::string state = standing(run);
  const bool queued = state == "queued";
  sheet.line("run", run.text("run_id"));
  sheet.line("workflow", run.text("workflow_id"));
  sheet.line("plan", run.text("workflow_path"));
  sheet.line("state", queued ? "queued, waiting for a slot" : state, tone_of(state));
  sheet.line("status", run.text("status"), tone_of(run.text("status")));
  sheet.line("step", run.text("step"));
  sheet.line("retry of", run.text("retry_of"));
  const std::string waits = run.text("waits_at");
  sheet.line("waits for", waits == "gate" ? "approval" : waits, Tone::attention);
  sheet.line("started", when(run.text("started_at"), now_ms));
  sheet.line("updated", when(run.text("updated_at"), now_ms));
  sheet.line("events", events_of(run));
  if (run.text("by") == "file") {
    const bool untracked = run.text("state") == "untracked";
    sheet.line("known by", untracked ? "its state file only; whether anybody is at it is not known"
                                     : "its state file only");
  }
  if (run.has("guardian_pid")) sheet.line("guardian", run.raw("guardian_pid"));
  sheet.line("error", run.text("error"), Tone::bad);
  return sheet.text();
}

std::string daemon_text(const Fields& daemon, const Screen& screen, std::int64_t now_ms) {
  Sheet sheet(screen);
  sheet.line("daemon", "charter-daemon " + daemon.text("version") + ", pid " +
                           std::string(daemon.raw("pid")));
  sheet.line("since", when(daemon.text("started_at"), now_ms));
  sheet.line("project", daemon.text("project"));
  sheet.line("worker id", daemon.text("worker_id"));
  sheet.line("socket", daemon.text("socket"));
  sheet.line("data", daemon.text("data_dir"));
  std::string runs = counts(daemon.object("runs"));
  if (daemon.has("max_runs")) {
    runs += "; at most " + std::string(daemon.raw("max_runs")) + " execute at once";
  }
  sheet.line("runs", runs);
  if (daemon.has("limits")) {
    limit_lines(sheet, daemon.object("limits"));
  }
  sandbox_lines(sheet, daemon.object("sandbox"));
  if (const Fields drain = daemon.object("drain"); drain.has("since")) {
    sheet.line("draining",
               "takes no new runs since " + short_time(drain.text("since")) + "; " +
                   (drain.truth("done")   ? "nothing executes any more"
                    : drain.truth("stay") ? "stays when nothing executes any more"
                                          : "ends when nothing executes any more"),
               Tone::attention);
  }
  sheet.line("holding", daemon.text("holding"), Tone::attention);
  sheet.line("ledger", daemon.text("ledger_trouble"), Tone::bad);
  sheet.line("disk", daemon.text("disk_trouble"), Tone::bad);
  gateway_lines(sheet, daemon.object("gateway"), now_ms);
  return sheet.text();
}

}  // namespace charter::client
