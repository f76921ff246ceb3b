#include "worker/integrations/message.h"

#include <utility>

#include "ipc/validation_errors.h"
#include "worker/integrations/json_fault.h"
#include "worker/json/python.h"

namespace charter::worker {
namespace {

class Shape {
 public:
  Shape(std::string model, const Mask& mask) : errors_(std::move(model)), mask_(mask) {}

  void add(std::string_view place, const ipc::ValidationRule& broken, const Value& value) {
    errors_.add(place, broken, {shown(value, mask_), type_name(value)});
  }
  void not_json(std::string_view line, const std::string& fault) {
    const std::string says = "Invalid JSON: " + fault;
    errors_.add("", {says, "json_invalid"}, {bytes_repr(mask_(Value(line)).as_string()), "bytes"});
  }
  // An object, or nothing where it is missing or null.
  Object object_or_none(Object& response, std::string_view field) {
    Value* value = response.find(field);
    if (value == nullptr || value->is_null()) return {};
    if (value->is_object()) return std::move(value->as_object());
    add(field, ipc::kWantsObject, *value);
    return {};
  }

  [[nodiscard]] bool right() const { return errors_.empty(); }
  [[nodiscard]] ipc::Error error() const { return ipc::plain_error(errors_.text()); }

 private:
  ipc::ValidationErrors errors_;
  const Mask& mask_;
};

}  // namespace

// Numbers can be sensitive, too.
std::string shown(const Value& value, const Mask& mask) {
  return mask(Value(repr(mask(value)))).as_string();
}

std::string request_line(const std::string& id, std::string_view method, std::string_view params,
                         bool chained) {
  std::string line = R"({"jsonrpc":"2.0","id":")" + id + R"(","method":")";
  line.append(method)
      .append(R"(","params":)")
      .append(params)
      .append(chained ? ",\"chained\":true}\n" : "}\n");
  return line;
}

ipc::Result<Response> read_response(std::string_view line, const Mask& mask) {
  Shape shape("JsonRpcResponse", mask);
  auto parsed = parse_json(line);
  if (!parsed) {
    const std::string whole = std::string(line) + "\n";
    const std::string fault = json_fault_of(whole);
    shape.not_json(whole, fault.empty() ? parsed.error().what : fault);
    return shape.error();
  }
  if (!parsed->is_object()) {
    shape.add("", {"Input should be an object", "model_type"}, *parsed);
    return shape.error();
  }
  Object& object = parsed->as_object();
  const Value* version = object.find("jsonrpc");
  if (version != nullptr && !(*version == Value("2.0"))) {
    shape.add("jsonrpc", {"Input should be '2.0'", "literal_error"}, *version);
  }
  const Value* id = object.find("id");
  if (id == nullptr) {
    shape.add("id", ipc::kFieldRequired, *parsed);
  } else if (!id->is_string()) {
    shape.add("id", ipc::kWantsString, *id);
  }
  Response response;
  response.result = shape.object_or_none(object, "result");
  response.error = shape.object_or_none(object, "error");
  if (!shape.right()) return shape.error();
  response.id = id->as_string();
  return response;
}

ipc::Result<Value> read_value(Object result, const Mask& mask) {
  Shape shape("ExecuteResult", mask);
  Value* value = result.find("value");
  if (value != nullptr && result.size() == 1) return std::move(*value);
  if (value == nullptr) shape.add("value", ipc::kFieldRequired, Value(result));
  for (const auto& [name, member] : result) {
    if (name != "value") shape.add(name, ipc::kNothingExtra, member);
  }
  return shape.error();
}

}  // namespace charter::worker
