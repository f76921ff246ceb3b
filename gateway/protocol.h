// How a daemon speaks on its connection: stock JSON, or charter.capnp.v1.
#pragma once

#include <cstdint>
#include <string_view>

namespace charter::gateway {

enum class Protocol : std::uint8_t { json, capnp };

constexpr std::string_view name_of(Protocol protocol) {
  return protocol == Protocol::capnp ? "capnp" : "json";
}

}  // namespace charter::gateway
