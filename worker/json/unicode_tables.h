// Sorted tables of code points; see unicode.h for their use.
#pragma once

#include <cstddef>

namespace charter::worker {

struct CodeRange {
  char32_t first;
  char32_t last;
};

extern const CodeRange kUnprintable[];
extern const std::size_t kUnprintableCount;
extern const CodeRange kAlphanumeric[];
extern const std::size_t kAlphanumericCount;
extern const char32_t kDigitZeros[];  // the digit zero of each script; 1 to 9 follow it
extern const std::size_t kDigitZerosCount;

}  // namespace charter::worker
