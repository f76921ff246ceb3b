#include "worker/integrations/message.h"

#include <utility>

#include "ipc/utf8.h"
#include "worker/json/python.h"

namespace charter::worker {
namespace {

// An object, or nothing where it is missing or null.
ipc::Result<Object> object_or_none(const Object& response, std::string_view field) {
  const Value& value = get(response, field);
  if (value.is_null()) return Object();
  if (value.is_object()) return value.as_object();
  return ipc::plain_error("whose '" + std::string(field) + "' is no object");
}

}  // namespace

std::string request_line(const std::string& id, std::string_view method, std::string_view params) {
  std::string line = R"({"jsonrpc":"2.0","id":")" + id + R"(","method":")";
  line.append(method).append(R"(","params":)").append(params).append("}\n");
  return line;
}

ipc::Result<Response> read_response(std::string_view line, const std::string& id) {
  auto parsed = parse_json(line);
  if (!parsed || !parsed->is_object()) return ipc::plain_error("that is no JSON object");
  const Object& object = parsed->as_object();
  const Value* version = object.find("jsonrpc");
  if (version != nullptr && !(*version == Value("2.0"))) {
    return ipc::plain_error("that is not of JSON-RPC 2.0");
  }
  if (!get(object, "id").is_string()) return ipc::plain_error("without a text 'id'");
  if (get(object, "id").as_string() != id) {
    return ipc::plain_error("with the id of another request");
  }
  auto result = object_or_none(object, "result");
  if (!result) return result.error();
  auto error = object_or_none(object, "error");
  if (!error) return error.error();
  return Response{std::move(*result), std::move(*error)};
}

}  // namespace charter::worker
