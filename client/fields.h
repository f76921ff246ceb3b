// The members of one JSON object, as the daemon sends it: read by name, kept as text.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/error.h"
#include "ipc/json_scan.h"

namespace charter::client {

class Fields {
 public:
  Fields() = default;
  // Views into `object`, which must outlive the result and what comes out of it.
  [[nodiscard]] static ipc::Result<Fields> read(std::string_view object);
  // The same with the text kept alongside.
  [[nodiscard]] static ipc::Result<Fields> keep(std::string object);

  // A missing member, null and a value of another kind read as "", nothing, false or no members.
  [[nodiscard]] std::string text(std::string_view key) const;
  [[nodiscard]] std::optional<std::int64_t> number(std::string_view key) const;
  [[nodiscard]] bool truth(std::string_view key) const;
  [[nodiscard]] Fields object(std::string_view key) const;
  [[nodiscard]] std::vector<Fields> objects(std::string_view key) const;
  [[nodiscard]] bool has(std::string_view key) const;

  // The member's own text, "null" when it is missing.
  [[nodiscard]] std::string_view raw(std::string_view key) const;
  // The object's own text.
  [[nodiscard]] std::string_view whole() const { return whole_; }
  [[nodiscard]] const std::vector<ipc::JsonMember>& members() const { return members_; }

 private:
  std::shared_ptr<const std::string> kept_;  // on the heap: a moved short string would move away
  std::string_view whole_;
  std::vector<ipc::JsonMember> members_;
};

}  // namespace charter::client
