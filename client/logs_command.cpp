// logs: what the steps of runs print, read from the files in the daemon's data directory; so it
// works without a daemon, and the daemon's one thread has nothing to do with it (docs/adr/0019).
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "client/commands.h"
#include "client/control.h"
#include "client/output_printer.h"
#include "client/output_watch.h"
#include "client/times.h"
#include "ipc/output_reader.h"

namespace charter::client {
namespace {

constexpr std::int64_t kKnownMs = 1'000;  // a daemon that lives says by then where its data is
constexpr int kLookMs = 50;               // at a run whose processes are being ended

struct LogsOrder {
  std::vector<std::string> runs;
  std::vector<std::string> steps;  // empty: all
  std::int64_t since_us = std::numeric_limits<std::int64_t>::min();
  bool follow = false;
  OutputForm form;
};

Expected<LogsOrder> read_logs_order(const ipc::OptionValues& values) {
  LogsOrder order;
  for (const std::string& run : values.arguments()) {
    if (!ipc::valid_run_id(run)) {
      return Failure{kExitUnknownRun, "'" + run + "' is not a run id."};
    }
    if (std::find(order.runs.begin(), order.runs.end(), run) == order.runs.end()) {
      order.runs.push_back(run);
    }
  }
  order.steps = values.list("step");
  order.follow = values.flag("follow");
  if (values.has("since")) {
    const std::string& text = values.text("since");
    const auto span = ipc::read_time(text);
    const auto since = span ? wall_ms() - span->count() * 1000 : read_wire_time(text);
    if (!since) {
      return Failure{kExitUsage, values
                                     .invalid("since",
                                              "must be a time that has passed, as in 15m and at "
                                              "most 100000000d, or a moment, as in "
                                              "2026-01-31T12:00:00")
                                     .what};
    }
    order.since_us = *since * 1000;
  }
  order.form = {values.flag("json"), order.runs.size() > 1, values.flag("timestamps"),
                ::isatty(STDOUT_FILENO) == 1};
  return order;
}

// Where the daemon keeps its data: as it is told here, else as the daemon says, else where it does
// by default. What the daemon says may lead nowhere: the project was moved meanwhile, or its path
// is no text.
ipc::Layout find_layout(const Target& target, const std::string& data_dir) {
  if (!data_dir.empty()) {
    return ipc::Layout(target.root, (std::filesystem::path(target.root) / data_dir).string());
  }
  const auto answer = ask(target, Request("status"), in_ms(kKnownMs));
  const std::string said = answer ? answer->object("daemon").text("data_dir") : "";
  return ipc::Layout(target.root, ::access(said.c_str(), F_OK) == 0 ? said : "");
}

// A run of which there is no file yet is known to the daemon alone. Of one that has only a state
// file the daemon has given up the rest, or never had it.
Expected<void> look_for(const Target& target, const ipc::Layout& layout, const std::string& run) {
  for (const std::string& path :
       {layout.journal(run), layout.output_segment(run, 0), layout.output_segment(run, 1)}) {
    if (::access(path.c_str(), F_OK) == 0) return {};
  }
  if (::access(layout.journals_dir().c_str(), X_OK) != 0 && errno != ENOENT) {
    return Failure{kExitOther, layout.journals_dir() + ": " + std::strerror(errno)};
  }
  if (::access(layout.state_file(run).c_str(), F_OK) == 0) {
    tell("Nothing is kept of what run '" + run + "' has printed.");
    return {};
  }
  const auto answer = ask(target, Request("status").text("run_id", run), in_ms(kKnownMs));
  if (answer) return {};
  if (answer.error().exit_code == kExitUnknownRun) return answer.error();
  return Failure{kExitUnknownRun, "No run '" + run + "' is known here, and no daemon answers " +
                                      "that could tell more."};
}

// One run on its way to the printer.
class LoggedRun {
 public:
  LoggedRun(const ipc::Layout& layout, const std::string& run, const LogsOrder& order)
      : run_(run), order_(order), reader_(layout, run), watch_(layout, run) {}

  // Looks for more to show, unless there is something already.
  Expected<void> look() {
    while (!piece_) {
      auto next = reader_.next();
      if (!next) return Failure{kExitOther, next.error().message()};
      if (std::holds_alternative<std::monostate>(*next)) return {};
      if (const auto* gap = std::get_if<ipc::OutputGap>(&*next)) {
        missing_ += gap->bytes;
      } else {
        consider(std::move(std::get<ipc::OutputPiece>(*next)));
      }
    }
    return {};
  }
  [[nodiscard]] const std::optional<ipc::OutputPiece>& piece() const { return piece_; }

  void show(OutputPrinter& printer) {
    if (missing_ > 0) printer.show_gap(run_, missing_);
    missing_ = 0;
    printer.show(run_, *piece_);
    piece_.reset();
  }

  // Looked at before what it prints is: then that is all.
  Expected<void> look_for_end() {
    const auto over = watch_.over();
    if (!over) return over.error();
    over_ = *over;
    return {};
  }
  [[nodiscard]] bool over() const { return over_; }
  [[nodiscard]] bool ending() const { return !over_ && watch_.ending(); }

 private:
  // What is missing before something that is too old is too old as well.
  void consider(ipc::OutputPiece piece) {
    if (piece.at_us < order_.since_us) {
      missing_ = 0;
      return;
    }
    const auto& steps = order_.steps;
    const bool wanted =
        steps.empty() || std::find(steps.begin(), steps.end(), piece.step_id) != steps.end();
    if (wanted) piece_ = std::move(piece);
  }

  std::string run_;
  const LogsOrder& order_;
  ipc::OutputReader reader_;
  RunEndWatch watch_;
  std::optional<ipc::OutputPiece> piece_;
  std::uint64_t missing_ = 0;
  bool over_ = false;
};

using Runs = std::vector<std::unique_ptr<LoggedRun>>;

// Shows what there is of all runs, by the time at which it was printed.
Expected<void> show_all(const Runs& runs, OutputPrinter& printer) {
  for (;;) {
    LoggedRun* earliest = nullptr;
    for (const auto& run : runs) {
      if (auto looked = run->look(); !looked) return looked;
      if (!run->piece()) continue;
      if (earliest == nullptr || run->piece()->at_us < earliest->piece()->at_us) {
        earliest = run.get();
      }
    }
    if (earliest == nullptr || !printed()) return {};
    earliest->show(printer);
  }
}

Expected<void> follow(const ipc::Layout& layout, const LogsOrder& order, const Runs& runs,
                      OutputPrinter& printer) {
  OutputWatch watch(layout, order.runs);
  for (;;) {
    bool all_over = true;
    bool ending = false;
    for (std::size_t at = 0; at < runs.size(); ++at) {
      if (runs[at]->over()) continue;
      if (auto looked = runs[at]->look_for_end(); !looked) return looked;
      all_over = all_over && runs[at]->over();
      ending = ending || runs[at]->ending();
    }
    if (auto shown = show_all(runs, printer); !shown) return shown;
    if (all_over || !printed()) return {};
    watch.wait(ending ? kLookMs : std::numeric_limits<int>::max());
  }
}

}  // namespace

Expected<int> logs_command(const ipc::OptionValues& values) {
  const auto order = read_logs_order(values);
  if (!order) return order.error();
  const auto target = find_target(values);
  if (!target) return target.error();
  const ipc::Layout layout = find_layout(*target, values.text("data-dir"));
  Runs runs;
  for (const std::string& run : order->runs) {
    if (auto known = look_for(*target, layout, run); !known) return known.error();
    runs.push_back(std::make_unique<LoggedRun>(layout, run, *order));
  }
  OutputPrinter printer(order->form);
  const auto shown =
      order->follow ? follow(layout, *order, runs, printer) : show_all(runs, printer);
  for (const std::string& run : order->runs) printer.finish(run);
  if (!shown) return shown.error();
  return 0;
}

}  // namespace charter::client
