#include "client/outcome.h"

#include <cstdio>
#include <stdexcept>

#include "client/text.h"

namespace charter::client {

void throw_exception_from_error(const Failure& failure, const boost::source_location&) {
  throw std::runtime_error(failure.message);
}

void complain(std::string_view message) { tell("Error: " + std::string(message)); }

void tell(std::string_view message) {
  const std::string line = printable(message) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
}

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

bool printed() { return std::fflush(stdout) == 0 && std::ferror(stdout) == 0; }

}  // namespace charter::client
