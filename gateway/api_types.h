// What goes in and out of the HTTP API, apart from HTTP itself.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/error.h"

namespace charter::gateway {

struct ApiRequest {
  std::string method;
  std::vector<std::string> path;  // segments, decoded
  std::map<std::string, std::string, std::less<>> query;
  std::string repeated;  // the first parameter that is given twice
  std::string body;

  // Empty when it is absent.
  [[nodiscard]] std::string_view parameter(std::string_view name) const {
    const auto at = query.find(name);
    return at == query.end() ? std::string_view() : std::string_view(at->second);
  }
};

struct ApiResponse {
  unsigned status = 200;
  std::string body = {};
  std::string_view content_type = "application/json";
  std::string_view allow = {};  // with 405
  std::string_view etag = {};   // of a file of the page, which may be kept and asked for again
};

// A refusal: its HTTP status, a code for programs, a sentence for people, and the field or
// parameter it is about, if any.
struct ApiError {
  unsigned status = 400;
  std::string code;
  std::string message;
  std::string field = {};
};

[[nodiscard]] ApiResponse to_response(const ApiError& error);
[[nodiscard]] ApiError store_error(const ipc::Error& error);

using Respond = std::function<void(ApiResponse)>;

// Fills path and query from a request target ("/api/runs?limit=5"); false when it is malformed.
[[nodiscard]] bool parse_target(std::string_view target, ApiRequest& request);

}  // namespace charter::gateway
