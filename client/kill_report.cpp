#include "client/kill_report.h"

#include "client/outcome.h"
#include "client/text.h"

namespace charter::client {

KillReport report_of(const std::string& run_id, const Fields& answer) {
  KillReport report;
  report.run_id = run_id;
  report.outcome = answer.text("outcome");
  report.status = answer.text("status");
  report.elapsed_ms = answer.number("elapsed_ms").value_or(0);
  report.asker_uid = answer.number("asker_uid");
  report.by = "daemon";
  for (const Fields& process : answer.objects("left")) {
    report.left.push_back({static_cast<std::int32_t>(process.number("pid").value_or(0)),
                           process.text("name"), process.text("reason")});
  }
  return report;
}

std::string kill_json(const KillReport& report) {
  std::string json = R"({"run_id":)" + ipc::quoted(report.run_id) + R"(,"outcome":)" +
                     ipc::quoted(report.outcome) + R"(,"status":)" + ipc::quoted(report.status) +
                     R"(,"elapsed_ms":)" + std::to_string(report.elapsed_ms) + R"(,"asker_uid":)" +
                     (report.asker_uid ? std::to_string(*report.asker_uid) : "null") +
                     R"(,"left":[)";
  for (const ipc::LeftProcess& process : report.left) {
    if (json.back() == '}') json += ',';
    json += R"({"pid":)" + std::to_string(process.pid) + R"(,"name":)" + ipc::quoted(process.name) +
            R"(,"reason":)" + ipc::quoted(process.reason) + "}";
  }
  return json + R"(],"by":)" + ipc::quoted(report.by) + "}\n";
}

std::string kill_text(const KillReport& report, const Screen& screen) {
  if (report.outcome == "already_finished") {
    return "Run " + report.run_id + " had already finished: " + report.status + ".\n";
  }
  std::string text = "Run " + report.run_id + " ended (" + report.status + ") after " +
                     duration_text(report.elapsed_ms);
  if (report.asker_uid) text += ", asked by uid " + std::to_string(*report.asker_uid);
  if (report.by == "guardian") text += ", by its guardian";
  if (report.left.empty()) return text + ".\n";
  text += "; " + std::to_string(report.left.size()) +
          (report.left.size() == 1 ? " process is left:\n" : " processes are left:\n");
  Table table({{.title = "PID", .right = true},
               {.title = "NAME", .elastic = true},
               {.title = "WHY", .elastic = true}});
  for (const ipc::LeftProcess& process : report.left) {
    table.add({{std::to_string(process.pid)}, {process.name}, {process.reason}});
  }
  return text + table.render(screen);
}

int kill_exit_code(const KillReport& report) {
  return report.outcome == "left" || !report.left.empty() ? kExitLeft : 0;
}

}  // namespace charter::client
