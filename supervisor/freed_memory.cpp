#include "supervisor/freed_memory.h"

#include <malloc.h>

#include <cstddef>

namespace charter::supervisor {
namespace {

constexpr std::size_t kWorthwhile = std::size_t{2} << 20;

}  // namespace

void give_back_freed_memory() {
  if (::mallinfo2().fordblks > kWorthwhile) ::malloc_trim(0);
}

}  // namespace charter::supervisor
