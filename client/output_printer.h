// What the steps of runs have printed, on standard output: as it is, or line by line.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "ipc/output_log.h"

namespace charter::client {

struct OutputForm {
  bool json = false;
  bool runs = false;      // the run before each line
  bool details = false;   // time, step and stream before each line
  bool terminal = false;  // control characters are escaped
};

class OutputPrinter {
 public:
  explicit OutputPrinter(OutputForm form) : form_(form) {}

  // Pieces of several runs may come in any order, those of one in its own.
  void show(const std::string& run, const ipc::OutputPiece& piece);
  // So many bytes are missing before the next piece.
  void show_gap(const std::string& run, std::uint64_t bytes);
  // Nothing more comes of the run: what is left of lines that did not end.
  void finish(const std::string& run);

 private:
  // The beginning of a line, or of a character, of one stream.
  struct Begun {
    std::string step_id;
    std::uint32_t attempt = 0;
    std::int64_t at_us = 0;
    std::string text;
  };
  using Stream = std::tuple<std::string, ipc::OutputStream, std::string>;  // run, stream, source

  void show_bytes(Begun& begun, std::string_view bytes);
  void show_lines(const Stream& stream, Begun& begun, std::string_view bytes, std::int64_t at_us);
  void show_line(const Stream& stream, const Begun& line) const;
  void end(const Stream& stream, Begun& begun) const;
  [[nodiscard]] bool by_line() const { return form_.json || form_.runs || form_.details; }
  [[nodiscard]] std::string json_of(const Stream& stream, const Begun& line) const;

  OutputForm form_;
  std::map<Stream, Begun> begun_;
};

}  // namespace charter::client
