#include "ipc/error.h"

#include <cerrno>

namespace charter::ipc {

std::string Error::message() const {
  if (!code) return what;
  return what + ": " + code.message();
}

Error errno_error(std::string what) {
  const int number = errno;
  return Error{std::error_code(number, std::generic_category()), std::move(what)};
}

Error plain_error(std::string what) { return Error{{}, std::move(what)}; }

void throw_exception_from_error(const Error& error, const boost::source_location& /*at*/) {
  const std::error_code code =
      error.code ? error.code : std::make_error_code(std::errc::invalid_argument);
  throw std::system_error(code, error.what);
}

}  // namespace charter::ipc
