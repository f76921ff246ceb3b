// The HTTP API: which request does what. docs/GATEWAY.md describes it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "gateway/api_types.h"
#include "gateway/hub.h"
#include "gateway/order.h"
#include "gateway/store_thread.h"

namespace charter::gateway {

class Api {
 public:
  // Both outlive it.
  Api(StoreThread& store, Hub& hub) : store_(store), hub_(hub) {}

  // Answers exactly once, on the loop, perhaps before it returns.
  void handle(const ApiRequest& request, const Respond& respond);

 private:
  using Handler = void (Api::*)(const ApiRequest&, const Respond&);
  struct Route;
  [[nodiscard]] static std::span<const Route> routes();
  [[nodiscard]] static const Route* find(const ApiRequest& request, std::string& allowed);

  void index(const ApiRequest& request, const Respond& respond);
  void health(const ApiRequest& request, const Respond& respond);
  void metrics(const ApiRequest& request, const Respond& respond);
  void workers(const ApiRequest& request, const Respond& respond);
  void described(const ApiRequest& request, const Respond& respond);
  void runs(const ApiRequest& request, const Respond& respond);
  void workflows(const ApiRequest& request, const Respond& respond);
  void run(const ApiRequest& request, const Respond& respond);
  void events(const ApiRequest& request, const Respond& respond);
  void log(const ApiRequest& request, const Respond& respond);
  void start(const ApiRequest& request, const Respond& respond);
  void resume(const ApiRequest& request, const Respond& respond);
  void cancel(const ApiRequest& request, const Respond& respond);
  void input(const ApiRequest& request, const Respond& respond);
  void command(const ApiRequest& request, const Respond& respond);

  void order(const ApiRequest& request, ParsedOrder parsed, const Respond& respond);

  StoreThread& store_;
  Hub& hub_;
};

// A whole number from `least` to `most`, or the refusal of the parameter; `otherwise` when it is
// absent.
[[nodiscard]] std::variant<std::int64_t, ApiError> number_parameter(const ApiRequest& request,
                                                                    std::string_view name,
                                                                    std::int64_t otherwise,
                                                                    std::int64_t most,
                                                                    std::int64_t least = 0);
// The refusal of a parameter that is none of `known`, or is given twice. For every request.
[[nodiscard]] std::optional<ApiError> unknown_parameter(
    const ApiRequest& request, std::initializer_list<std::string_view> known);

}  // namespace charter::gateway
