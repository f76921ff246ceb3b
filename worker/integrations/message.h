// JSON-RPC 2.0 as capabilities speak it: one object a line.
#pragma once

#include <string>
#include <string_view>

#include "ipc/error.h"
#include "worker/json/value.h"

namespace charter::worker {

// A request line; `params` is JSON.
[[nodiscard]] std::string request_line(const std::string& id, std::string_view method,
                                       std::string_view params);

// What a line answered: a result, or the other side's error.
struct Response {
  Object result;
  Object error;  // empty: none
};

// Reads the response to request `id`. An error names what is wrong with the line, not its contents.
[[nodiscard]] ipc::Result<Response> read_response(std::string_view line, const std::string& id);

}  // namespace charter::worker
