// What a client of the HTTP API asks a daemon to do, before it becomes a command.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "gateway/api_types.h"
#include "gateway/command_table.h"
#include "gateway/store.h"

namespace charter::gateway {

struct Order {
  std::string kind;             // start, resume, cancel, input
  std::string command_id;       // given by the client, or made here
  bool own_command_id = false;  // made here
  std::string run_id;           // likewise for a start without one
  bool own_run_id = false;      // made here
  std::string worker_id;        // the client's choice, or empty
  std::string free_worker;      // whom the gateway would choose
  std::string message;          // as it goes to the daemon
};

using ParsedOrder = std::variant<Order, ApiError>;

// From the JSON bodies. Unknown fields are refused, every problem names its field.
[[nodiscard]] ParsedOrder parse_start(std::string_view body);
[[nodiscard]] ParsedOrder parse_resume(std::string_view body, std::string run_id);
[[nodiscard]] ParsedOrder parse_cancel(std::string_view body, std::string run_id);
[[nodiscard]] ParsedOrder parse_input(std::string_view body, std::string run_id);

struct AcceptedOrder {
  CommandRow command;
  bool repeated = false;  // this command id was accepted before
};

// Checks the order against what is known and keeps it as a command; inside a transaction.
[[nodiscard]] std::variant<AcceptedOrder, ApiError> accept(Store& store, const Order& order,
                                                           std::int64_t now_us);

}  // namespace charter::gateway
