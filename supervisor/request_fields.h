// The fields of one control request: read once each, unknown ones refused by name.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/json_scan.h"
#include "supervisor/requests.h"

namespace charter::supervisor {

class Requests::Fields {
 public:
  explicit Fields(const Members& members);

  [[nodiscard]] std::string text(std::string_view name);  // required
  [[nodiscard]] std::optional<std::string> optional_text(std::string_view name);
  [[nodiscard]] bool flag(std::string_view name, std::optional<bool> otherwise);
  [[nodiscard]] std::optional<std::uint64_t> optional_number(std::string_view name,
                                                             std::uint64_t most);
  // The object's text; "{}" when it is missing.
  [[nodiscard]] std::string object(std::string_view name);

  // Something about a field that was read.
  void wrong(std::string_view name, std::string_view reason);
  // Whether everything was as it must be; with what was not read counting as unknown.
  [[nodiscard]] bool good();
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  const ipc::JsonMember* take(std::string_view name);

  const Members& members_;
  std::vector<std::string> known_;
  std::string problem_;
};

}  // namespace charter::supervisor
