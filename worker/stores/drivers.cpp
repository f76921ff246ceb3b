#include "worker/stores/drivers.h"

#include "ipc/journal.h"
#include "worker/json/python.h"

namespace charter::worker {
namespace {

ipc::Result<void> done(const ipc::Result<Object>& answer) {
  return answer ? ipc::Result<void>() : answer.error();
}

// A value of a type that JSON has not goes by the type's name.
Value value_of(const Object& answer) {
  const Value& types = get(answer, "foreign");
  if (!types.is_object()) return get(answer, "value");
  const std::string name = str(get(types.as_object(), ""));
  return Value(Foreign{name, name, name});
}

}  // namespace

std::string storage_params(const StorageDriver& driver) {
  Object params;
  params.set("driver", Value(driver.name));
  params.set("options", Value(driver.options));
  return dump(Value(std::move(params)));
}

ipc::Result<Object> Drivers::ask(std::string_view method, Object params) const {
  return ask_(method, dump(Value(std::move(params))), kNever);
}

ipc::Result<void> Drivers::bind(const StorageDriver& driver) {
  const auto stores = ask_("storage", storage_params(driver), kNever);
  if (!stores) return stores.error();
  has_events_ = truthy(get(*stores, "event"));
  has_artifacts_ = truthy(get(*stores, "artifact"));
  has_keys_ = truthy(get(*stores, "kv"));
  return {};
}

ipc::Result<void> Drivers::save(const std::string& state) {
  Object params;
  params.set("state", Value(state));
  return done(ask("state_save", std::move(params)));
}

ipc::Result<std::string> Drivers::load(const std::string& run_id) {
  Object params;
  params.set("run_id", Value(run_id));
  const auto answer = ask("state_load", std::move(params));
  if (!answer) return answer.error();
  return str(get(*answer, "state"));
}

ipc::Result<std::optional<std::int64_t>> Drivers::append(const ipc::Event& event,
                                                         std::int64_t at_us) {
  if (!has_events_) return std::optional<std::int64_t>();
  // The event is JSON already, and large ones are not taken apart.
  const std::string params =
      R"({"run_id":)" + dump(Value(event.run_id)) + R"(,"event":)" + event.json +
      R"(,"occurred_at":)" + dump(Value(ipc::wire_time(at_us))) + R"(,"worker_id":)" +
      dump(Value(worker_id_)) + R"(,"worker_seq":)" + std::to_string(event.seq) + "}";
  const auto answer = ask_("event_append", params, kNever);
  if (!answer) return answer.error();
  const auto number = get(*answer, "stream_seq").small_integer();
  return number ? std::optional<std::int64_t>(*number) : std::nullopt;
}

ipc::Result<void> Drivers::write_artifact(const std::string& envelope) {
  Object params;
  params.set("envelope", Value(envelope));
  return done(ask("artifact_write", std::move(params)));
}

ipc::Result<Value> Drivers::load_artifact(const Value& id) {
  Object params;
  params.set("artifact_id", id);
  const auto answer = ask_("artifact_load", dump(Value(std::move(params))), deadline_ms_);
  if (!answer) return answer.error();
  return value_of(*answer);
}

ipc::Result<std::optional<Value>> Drivers::key(const Value& name) {
  Object params;
  params.set("key", name);
  const auto answer = ask("kv_get", std::move(params));
  if (!answer) return answer.error();
  if (truthy(get(*answer, "absent"))) return std::optional<Value>();
  return std::optional<Value>(value_of(*answer));
}

ipc::Result<void> Drivers::set_key(const Value& name, const Value& value) {
  Object params;
  params.set("key", name);
  params.set("value", value);
  return done(ask("kv_set", std::move(params)));
}

}  // namespace charter::worker
