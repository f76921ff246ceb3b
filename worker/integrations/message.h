// JSON-RPC 2.0 as capabilities speak it: one object a line.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "ipc/error.h"
#include "worker/json/value.h"

namespace charter::worker {

// A request line; `params` is JSON. What is `chained` is only for the bridge, which skips it when
// the request before it has failed or was skipped.
[[nodiscard]] std::string request_line(const std::string& id, std::string_view method,
                                       std::string_view params, bool chained = false);

// What a line answered: a result, or the other side's error.
struct Response {
  std::string id;
  Object result;
  Object error;  // empty: none
};

// Takes what is sensitive out of the texts inside a value. Errors quote a piece of what was wrong,
// and half a secret is not found any more, nor is one that was escaped twice.
using Mask = std::function<Value(const Value&)>;

// The value's repr without what is sensitive.
[[nodiscard]] std::string shown(const Value& value, const Mask& mask);

// Reads a response. Errors are in the reference's words.
[[nodiscard]] ipc::Result<Response> read_response(std::string_view line, const Mask& mask);

// The value that `execute` answered, which has to be the only member of its result.
[[nodiscard]] ipc::Result<Value> read_value(Object result, const Mask& mask);

}  // namespace charter::worker
