#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <initializer_list>

#include "gateway/order.h"
#include "ipc/json_object.h"
#include "ipc/json_scan.h"
#include "ipc/layout.h"

namespace charter::gateway {
namespace {

constexpr std::size_t kMaxCommandId = 200;

std::string new_uuid() {
  // Takes its bytes from the system.
  static boost::uuids::random_generator generate;
  return boost::uuids::to_string(generate());
}

// Takes the fields of a body and remembers the first problem.
class Body {
 public:
  Body(std::string_view text, std::initializer_list<std::string_view> known) {
    if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return;
    ipc::JsonLimits limits;
    limits.max_bytes = text.size();
    limits.max_members = ipc::kMostMembers;
    auto members = ipc::scan_object(text, limits);
    if (!members) {
      fail({}, "the body is not a JSON object: " + members.error().what);
      return;
    }
    members_ = std::move(*members);
    for (const ipc::JsonMember& member : members_) {
      if (ipc::find(members_, member.key) != &member) fail(member.key, "is given twice");
      if (std::find(known.begin(), known.end(), member.key) == known.end()) {
        fail(member.key, "is not a field of this request");
      }
      if (error_) return;  // each member is looked for among all
    }
  }

  // Nothing when it is absent or null.
  std::optional<std::string> text(std::string_view name) {
    const ipc::JsonMember* member = given(name);
    if (member == nullptr) return std::nullopt;
    auto value = ipc::json_string(member->raw);
    if (!value) fail(name, "must be a string");
    return value;
  }

  std::string required_text(std::string_view name) {
    auto value = text(name);
    if (!value) fail(name, "is required");
    if (value && value->empty()) fail(name, "must not be empty");
    return std::move(value).value_or("");
  }

  bool required_boolean(std::string_view name) {
    const ipc::JsonMember* member = given(name);
    if (member == nullptr) fail(name, "is required");
    if (member != nullptr && member->kind != ipc::JsonKind::boolean) {
      fail(name, "must be true or false");
    }
    return member != nullptr && member->raw == "true";
  }

  // The text of an object; `otherwise` when it is absent.
  std::string_view object(std::string_view name, std::string_view otherwise) {
    const ipc::JsonMember* member = given(name);
    if (member == nullptr) {
      if (otherwise.empty()) fail(name, "is required");
      return otherwise;
    }
    if (member->kind != ipc::JsonKind::object) fail(name, "must be an object");
    return member->raw;
  }

  void fail(std::string_view field, std::string_view why) {
    if (error_) return;
    const std::string where = field.empty() ? "" : std::string(field) + " ";
    error_ = ApiError{400, "invalid_request", where + std::string(why), std::string(field)};
  }

  [[nodiscard]] const std::optional<ApiError>& error() const { return error_; }

 private:
  [[nodiscard]] const ipc::JsonMember* given(std::string_view name) const {
    const ipc::JsonMember* member = ipc::find(members_, name);
    return member != nullptr && member->kind != ipc::JsonKind::null ? member : nullptr;
  }

  std::vector<ipc::JsonMember> members_;
  std::optional<ApiError> error_;
};

// The fields every order may have.
Order begin_order(Body& body, std::string_view kind) {
  Order order;
  order.kind = kind;
  order.worker_id = body.text("worker").value_or("");
  const auto id = body.text("command_id");
  order.own_command_id = !id;
  order.command_id = id ? *id : new_uuid();
  if (order.command_id.empty() || order.command_id.size() > kMaxCommandId) {
    body.fail("command_id", "must have 1 to 200 bytes");
  }
  return order;
}

ParsedOrder finish(const Body& body, Order order) {
  if (body.error()) return *body.error();
  return order;
}

// Of a command that is never answered, in the daemon's form.
ipc::JsonObject message_of(const Order& order, std::string_view type) {
  ipc::JsonObject message;
  message.text("type", type).text("run_id", order.run_id);
  return message;
}

std::string with_note(ipc::JsonObject message, const Order& order,
                      const std::optional<std::string>& note) {
  return message.text("note", note).text("command_id", order.command_id).str();
}

}  // namespace

ParsedOrder parse_start(std::string_view text) {
  Body body(text, {"workflow_id", "variables", "run_id", "worker", "command_id"});
  Order order = begin_order(body, "start");
  const std::string workflow = body.required_text("workflow_id");
  const std::string_view variables = body.object("variables", "{}");
  // The gateway always names the run: so a start that is sent again can be told from a second.
  order.run_id = body.text("run_id").value_or("");
  order.own_run_id = order.run_id.empty();
  if (order.own_run_id) order.run_id = new_uuid();
  if (!ipc::valid_run_id(order.run_id)) {
    body.fail("run_id", "must match " + std::string(ipc::kRunIdRule));
  }
  order.message = ipc::JsonObject()
                      .text("type", "run.start")
                      .text("command_id", order.command_id)
                      .text("workflow_id", workflow)
                      .text("run_id", order.run_id)
                      .raw("variables", variables)
                      .str();
  return finish(body, std::move(order));
}

ParsedOrder parse_resume(std::string_view text, std::string run_id) {
  Body body(text, {"approved", "note", "worker", "command_id"});
  Order order = begin_order(body, "resume");
  order.run_id = std::move(run_id);
  const bool approved = body.required_boolean("approved");
  ipc::JsonObject message = message_of(order, "run.resume");
  message.flag("approved", approved);
  order.message = with_note(std::move(message), order, body.text("note"));
  return finish(body, std::move(order));
}

ParsedOrder parse_cancel(std::string_view text, std::string run_id) {
  Body body(text, {"note", "worker", "command_id"});
  Order order = begin_order(body, "cancel");
  order.run_id = std::move(run_id);
  order.message = with_note(message_of(order, "run.cancel"), order, body.text("note"));
  return finish(body, std::move(order));
}

ParsedOrder parse_input(std::string_view text, std::string run_id) {
  Body body(text, {"input", "worker", "command_id"});
  Order order = begin_order(body, "input");
  order.run_id = std::move(run_id);
  const std::string_view input = body.object("input", {});
  if (!body.error()) {
    ipc::JsonLimits limits;
    limits.max_bytes = input.size();
    limits.max_members = ipc::kMostMembers;
    const auto members = ipc::scan_object(input, limits);
    if (!members) body.fail("input", members.error().what);
    const ipc::JsonMember* kind = members ? ipc::find(*members, "kind") : nullptr;
    if (kind == nullptr || kind->kind != ipc::JsonKind::string) {
      body.fail("input.kind", "must be a string");
    }
  }
  ipc::JsonObject message = message_of(order, "run.input");
  order.message = message.text("command_id", order.command_id)
                      .raw("input", input.empty() ? "null" : input)
                      .str();
  return finish(body, std::move(order));
}

}  // namespace charter::gateway
