// What `doctor` has found: a line for each matter, with what to do about it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "client/table.h"

namespace charter::supervisor {

enum class Health { ok, warn, fail };

struct Check {
  std::string name;  // "tls": also in JSON, so it does not change
  Health health = Health::ok;
  std::string what;    // for people; never holds a secret
  std::string remedy;  // empty when there is nothing to do
};

class Report {
 public:
  void ok(std::string_view name, std::string what) { add(Health::ok, name, std::move(what), {}); }
  void warn(std::string_view name, std::string what, std::string remedy) {
    add(Health::warn, name, std::move(what), std::move(remedy));
  }
  void fail(std::string_view name, std::string what, std::string remedy) {
    add(Health::fail, name, std::move(what), std::move(remedy));
  }

  [[nodiscard]] const std::vector<Check>& checks() const { return checks_; }
  [[nodiscard]] bool failed() const;
  // docs/CLIENT.md, "JSON of doctor", one line.
  [[nodiscard]] std::string json() const;
  [[nodiscard]] std::string text(const client::Screen& screen) const;

 private:
  void add(Health health, std::string_view name, std::string what, std::string remedy);
  std::vector<Check> checks_;
};

[[nodiscard]] std::string_view name_of(Health health);

}  // namespace charter::supervisor
