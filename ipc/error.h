// What an operation of this room returns when it may fail for a reason outside the program.
#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <system_error>
#include <utility>

namespace charter::ipc {

// An expected failure: `code` is for decisions, `what` is for people and names the operation and
// its object ("open .charter/daemon/lock"). Never holds a secret.
struct Error {
  std::error_code code;
  std::string what;

  // "what: code's message", or only `what` when there is no code.
  [[nodiscard]] std::string message() const;
};

template <class T>
using Result = boost::system::result<T, Error>;

// The error of the system call that just failed, from errno.
[[nodiscard]] Error errno_error(std::string what);

// An error that is not a system call's (a damaged frame, a wrong version).
[[nodiscard]] Error plain_error(std::string what);

// Needed by boost::system::result::value(); throws std::system_error.
[[noreturn]] void throw_exception_from_error(const Error& error, const boost::source_location& at);

}  // namespace charter::ipc
