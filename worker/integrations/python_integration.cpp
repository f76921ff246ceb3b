#include "worker/integrations/python_integration.h"

#include "ipc/peer.h"
#include "worker/json/python.h"

namespace charter::worker {
namespace {

// A value of a type that JSON has not goes by the type's name.
Value foreign(const Value& type) {
  const std::string name = str(type);
  return Value(Foreign{name, name, name});
}

}  // namespace

std::string PythonIntegration::load_params(const std::string& uses, const Object& definition,
                                           const char* named, Object secrets) {
  Object capability;
  capability.set("kind", get(definition, "kind"));
  capability.set(named, get(definition, named));
  const Value& config = get(definition, "config");
  Object load;
  load.set("uses", Value(uses));
  load.set("capability", Value(std::move(capability)));
  load.set("config", truthy(config) ? config : Value(Object()));
  load.set("secrets", Value(std::move(secrets)));
  return dump(Value(std::move(load)));
}

std::string PythonIntegration::own_params(const std::string& uses) {
  return R"({"uses":)" + dump(Value(uses)) + "}";
}

ipc::Result<void> PythonIntegration::load(std::int64_t deadline_ms) {
  const auto loaded =
      host_.call(uses(), "load", load_, deadline_ms, host_.definition().limits.setup_ms);
  if (!loaded) return loaded.error();
  requires_outputs_ = truthy(get(*loaded, "requires_outputs"));
  return {};
}

ipc::Result<void> PythonIntegration::set_up(std::int64_t deadline_ms) {
  const auto consent = host_.call(uses(), "setup", own_params(uses()), deadline_ms,
                                  host_.definition().limits.setup_ms);
  return consent ? ipc::Result<void>() : consent.error();
}

ipc::Result<Value> PythonIntegration::execute(std::string_view params, std::int64_t deadline_ms) {
  late_ = false;
  if (host_.lost()) {
    if (auto revived = host_.revive(deadline_ms); !revived) {
      late_ = host_.late();
      return revived.error();
    }
  }
  std::string all(params);
  all.replace(0, 1, R"({"uses":)" + dump(Value(uses())) + ",");
  auto result = host_.call(uses(), "execute", all, deadline_ms, 0);
  if (!result) {
    late_ = host_.late();
    if (late_) host_.cancel();
    return result.error();
  }
  Value value = get(*result, "value");
  const Value& types = get(*result, "foreign");
  if (!types.is_object()) return value;
  for (const auto& [member, type] : types.as_object()) {
    if (member.empty() && !value.is_object()) return foreign(type);
    value.as_object().set(member, foreign(type));
  }
  return value;
}

void PythonIntegration::tear_down() {
  if (host_.lost()) return;
  const auto done = host_.call(uses(), "teardown", own_params(uses()), kNever,
                               host_.definition().limits.teardown_ms);
  if (!done) host_.log_failure(done.error());
}

}  // namespace charter::worker
