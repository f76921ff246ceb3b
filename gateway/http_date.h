// The time in an HTTP answer, by which others compare their clock.
#pragma once

#include <ctime>
#include <string>

namespace charter::gateway {

// "Sun, 06 Nov 1994 08:49:37 GMT"; `now` in seconds since 1970.
[[nodiscard]] std::string http_date(std::time_t now = std::time(nullptr));

}  // namespace charter::gateway
