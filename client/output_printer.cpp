#include "client/output_printer.h"

#include <algorithm>
#include <utility>

#include "client/outcome.h"
#include "client/text.h"
#include "ipc/journal.h"
#include "ipc/json_object.h"
#include "ipc/json_scan.h"
#include "ipc/utf8.h"

namespace charter::client {
namespace {

constexpr std::size_t kLongestLine = std::size_t{64} << 10;  // what is longer is cut into lines

}  // namespace

void OutputPrinter::show(const std::string& run, const ipc::OutputPiece& piece) {
  const Stream stream{run, piece.stream, piece.source};
  Begun& begun = begun_[stream];
  if (begun.step_id != piece.step_id || begun.attempt != piece.attempt) {
    end(stream, begun);
    begun = {piece.step_id, piece.attempt, 0, {}};
  }
  if (by_line()) {
    show_lines(stream, begun, piece.bytes, piece.at_us);
  } else {
    show_bytes(begun, piece.bytes);
  }
}

// On standard error, where it cannot be taken for output; in JSON a line of its own kind.
void OutputPrinter::show_gap(const std::string& run, std::uint64_t bytes) {
  finish(run);
  const std::string count = std::to_string(bytes);
  if (form_.json) {
    print(R"({"run_id":)" + ipc::quoted(run) + R"(,"dropped":)" + count + "}\n");
  } else {
    tell((form_.runs ? run + ": " : std::string()) + count +
         " bytes of output before this are not kept any more.");
  }
}

void OutputPrinter::finish(const std::string& run) {
  for (auto at = begun_.lower_bound({run, ipc::OutputStream::out, ""});
       at != begun_.end() && std::get<0>(at->first) == run; ++at) {
    end(at->first, at->second);
  }
}

void OutputPrinter::show_bytes(Begun& begun, std::string_view bytes) {
  if (!form_.terminal) return print(bytes);
  std::string text = std::exchange(begun.text, {}) + std::string(bytes);
  begun.text = text.substr(text.size() - ipc::begun_utf8(text));
  text.resize(text.size() - begun.text.size());
  print(printable_lines(text));
}

void OutputPrinter::show_lines(const Stream& stream, Begun& begun, std::string_view bytes,
                               std::int64_t at_us) {
  while (!bytes.empty()) {
    if (begun.text.empty()) begun.at_us = at_us;
    const std::size_t room = kLongestLine - begun.text.size();
    const std::size_t line_end = bytes.substr(0, room).find('\n');
    const bool whole = line_end != std::string_view::npos;
    const std::size_t size = whole ? line_end : std::min(room, bytes.size());
    begun.text += bytes.substr(0, size);
    bytes.remove_prefix(whole ? size + 1 : size);
    if (!whole && begun.text.size() < kLongestLine) return;
    show_line(stream, begun);
    begun.text.clear();
  }
}

void OutputPrinter::end(const Stream& stream, Begun& begun) const {
  if (begun.text.empty()) return;
  if (by_line()) {
    show_line(stream, begun);
  } else {
    print(printable_lines(begun.text));
  }
  begun.text.clear();
}

std::string OutputPrinter::json_of(const Stream& stream, const Begun& line) const {
  const auto& [run, kind, source] = stream;
  const auto attempt = line.attempt == 0 ? std::nullopt : std::optional<std::int64_t>(line.attempt);
  return ipc::JsonObject()
             .text("run_id", run)
             .text("time", ipc::wire_time(line.at_us))
             .text_or_null("step", line.step_id)
             .number("attempt", attempt)
             .text("stream", ipc::name_of(kind))
             .text_or_null("source", source)
             .text("text", line.text)
             .str() +
         "\n";
}

void OutputPrinter::show_line(const Stream& stream, const Begun& line) const {
  if (form_.json) return print(json_of(stream, line));
  const auto& [run, kind, source] = stream;
  std::string front = form_.runs ? run + " " : "";
  if (form_.details) {
    front += ipc::wire_time(line.at_us) + " " + (line.step_id.empty() ? "-" : line.step_id);
    if (line.attempt > 1) front += "#" + std::to_string(line.attempt);
    front += " " + (source.empty() ? std::string(ipc::name_of(kind)) : source) + " ";
  }
  front = printable(front) + "| ";
  // A line that ends as on other systems is no attack.
  std::string_view text = line.text;
  if (form_.terminal && text.ends_with('\r')) text.remove_suffix(1);
  print(front + (form_.terminal ? printable_lines(text) : std::string(text)) + "\n");
}

}  // namespace charter::client
