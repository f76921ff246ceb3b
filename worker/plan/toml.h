// TOML 1.0, for pyproject.toml. Dates and times become `Foreign`, since nothing here uses them.
#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <string_view>

#include "worker/json/value.h"

namespace charter::worker {

struct TomlFault {
  std::string text;  // what and at which line
};

[[nodiscard]] boost::system::result<Value, TomlFault> read_toml(std::string_view text);

}  // namespace charter::worker
