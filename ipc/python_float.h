// Floats as Python writes them.
#pragma once

#include <string>

namespace charter::ipc {

// repr() of a float: 1.0, 1e+16, 1e-05, inf, nan.
[[nodiscard]] std::string python_float(double number);

}  // namespace charter::ipc
