// What a fuzzer says when a property does not hold.
#pragma once

#include <cstdio>
#include <cstdlib>

#define CHARTER_CHECK(condition)                                                         \
  do {                                                                                   \
    if (!(condition)) {                                                                  \
      std::fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                      \
    }                                                                                    \
  } while (false)
